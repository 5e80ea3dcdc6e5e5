// SPDX-License-Identifier: BSL-1.0
// blocking_future: results for threads that may block.
#include "loop_test.hpp"
#include "thread_gate.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> add(int a, int b) {
  co_await sleep(0ns);
  co_return a + b;
}

coro<> wait_for_event(event& e) { co_await e.wait(); }

coro<std::unique_ptr<int>> owned() { co_return std::make_unique<int>(5); }

coro<> note_and_wait(bool& begun) {
  begun = true;
  co_await future<int>();
}

coro<> end_when(const std::atomic<int>& stage, std::atomic<int>& begun, int round) {
  begun = round;
  for (int looks = 1; stage < round; ++looks) {
    if (looks % 1000 == 0) std::this_thread::yield();  // on a busy machine the other thread has to run
  }
  co_return;
}

}  // namespace

TEST_CASE("SAFE-004: a result that can only be moved is given once; then that is said", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  const auto f = run_coroutine_threadsafe(owned(), r);
  const auto same = f;
  CHECK(*f.result() == 5);
  CHECK_THROWS_WITH(f.result(), "result was moved out");
  CHECK_THROWS_AS(same.result(), invalid_state_error);
  CHECK(f.done());
  CHECK(f.exception() == nullptr);
}

TEST_CASE("SAFE-004: of several threads that take a move-only result one gets it", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  for (int round = 0; round < 50; ++round) {
    const auto f = run_coroutine_threadsafe(owned(), r);
    std::atomic<int> values{0};
    std::atomic<int> errors{0};
    std::vector<std::thread> takers;
    for (int i = 0; i < 3; ++i) {
      takers.emplace_back([&] {
        try {
          values += *f.result();
        } catch (const invalid_state_error&) {
          ++errors;
        }
      });
    }
    for (std::thread& each : takers) each.join();
    CHECK(values == 5);
    CHECK(errors == 2);
  }
}

TEST_CASE("SAFE-006: exception() has a limit too, and throws for a cancelled one", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  event never;
  const auto f = run_coroutine_threadsafe(wait_for_event(never), r);
  CHECK_THROWS_AS(f.exception(0ns), timeout_error);
  CHECK(f.cancel());
  CHECK_THROWS_AS(f.exception(), cancelled_error);
}

TEST_CASE("FAULT-04, FAULT-05, SAFE-006: refusing to block a loop's own thread names the loop and the task",
          "[runtime][threads]") {
  runtime r(run_options().loops(2).name("serve"));
  event never;
  const auto f = run_coroutine_threadsafe(wait_for_event(never), r.loop(0));
  const auto block = [](blocking_future<void> awaited) -> coro<std::string> {
    any_task me = current_task();
    me.set_name("the blocker");
    std::string how;
    try {
      awaited.result();
    } catch (const would_deadlock& e) {
      how = e.what();
    }
    co_return how;
  };
  CHECK(run_coroutine_threadsafe(block(f), r.loop(1)).result() ==
        "blocking_future::result: would block the thread of a running event loop (loop 1, thread 'serve-1', task "
        "'the blocker')");
  f.cancel();
  CHECK_THROWS_AS(f.result(), cancelled_error);
}

TEST_CASE("SAFE-004: callbacks of a done future run at once, of another one on its loop's thread",
          "[runtime][threads]") {
  event gate;
  thread_gate called;
  runtime r(run_options().loops(2));
  const auto f = run_coroutine_threadsafe(wait_for_event(gate), r.loop(1));
  event_loop* where = nullptr;
  bool done = false;
  f.add_done_callback([&](const blocking_future<void>& ended) {
    where = &get_running_loop();
    done = ended.done();
    called.wait();
  });
  called.open();
  gate.set();
  called.await_waiters(1);
  f.result();
  CHECK(where == &r.loop(1));
  CHECK(done);
  int at_once = 0;
  f.add_done_callback([&at_once, &f](const blocking_future<void>& ended) { at_once += ended == f ? 1 : 0; });
  CHECK(at_once == 1);
}

TEST_CASE("SAFE-004: a callback that throws is reported; the others run", "[runtime][threads]") {
  const auto loop = new_event_loop();
  std::vector<std::string> reports;
  loop->set_exception_handler([&reports](event_loop&, const exception_context& context) {
    reports.push_back(context.message + ": " + in_words(context.exception));
  });
  const auto f = run_coroutine_threadsafe(add(1, 2), *loop);
  int sum = 0;
  f.add_done_callback([](const blocking_future<int>&) { throw std::runtime_error("bad callback"); });
  f.add_done_callback([&sum, &loop](const blocking_future<int>& ended) {
    sum = ended.result();
    loop->stop();
  });
  loop->run_forever();
  CHECK(sum == 3);
  REQUIRE(reports.size() == 1);
  CHECK(reports.front() == "Exception in a done callback of a blocking_future: error: bad callback");
}

TEST_CASE("SAFE-007: a loop that closes first: done, loop_closed, and callbacks are called", "[runtime][threads]") {
  const auto loop = new_event_loop();
  report_catcher reports(*loop);
  event never;
  const auto f = run_coroutine_threadsafe(wait_for_event(never), *loop);
  int called = 0;
  f.add_done_callback([&called](const blocking_future<void>&) { ++called; });
  CHECK_FALSE(f.done());
  CHECK(to_string(f).find(" state=pending>") != std::string::npos);
  loop->close();
  CHECK(f.done());
  CHECK_FALSE(f.cancelled());
  CHECK(called == 1);
  CHECK_THROWS_AS(f.result(), loop_closed);
  CHECK_THROWS_AS(f.exception(), loop_closed);
  CHECK(to_string(f).find(" state=closed>") != std::string::npos);
  f.add_done_callback([&called](const blocking_future<void>&) { ++called; });
  CHECK(called == 2);
}

TEST_CASE("SAFE-004: its text tells the state", "[runtime][threads]") {
  thread_gate g;
  thread_pool_executor pool(1);
  const auto value = pool.submit([] { return 1; });
  value.result();
  std::ostringstream out;
  out << value;
  CHECK(out.str().find("<blocking_future at 0x") == 0);
  CHECK(out.str().find(" state=finished returned int>") != std::string::npos);
  const auto failed = pool.submit([] { throw std::runtime_error("no"); });
  CHECK(failed.exception() != nullptr);
  CHECK(to_string(failed).find(" state=finished raised ") != std::string::npos);
  pool.submit([&g] { g.wait(); });
  g.await_waiters(1);
  const auto cancelled = pool.submit([] {});
  cancelled.cancel();
  CHECK(to_string(cancelled).find(" state=cancelled>") != std::string::npos);
  g.open();
}

TEST_CASE("SAFE-008: a task factory that fails is reported to the future and to the exception handler",
          "[runtime][threads]") {
  const auto loop = new_event_loop();
  std::vector<std::string> reports;
  loop->set_exception_handler(
      [&reports](event_loop&, const exception_context& context) { reports.push_back(in_words(context.exception)); });
  loop->set_task_factory(
      [](event_loop&, any_coro&, const task_options&) -> any_task { throw std::runtime_error("no task today"); });
  const auto f = run_coroutine_threadsafe(add(1, 2), *loop);
  loop->call_soon([&loop] { loop->stop(); });
  loop->run_forever();
  CHECK_THROWS_WITH(f.result(), "no task today");
  CHECK(reports == std::vector<std::string>{"error: no task today"});
}

TEST_CASE("SAFE-008: a task factory makes the tasks that threads submit", "[runtime][threads]") {
  event never;
  runtime r(run_options().loops(2));
  std::atomic<int> made{0};
  std::atomic<int> elsewhere{0};  // checks are for one thread
  r.loop(1).set_task_factory([&](event_loop& loop, any_coro& body, const task_options& options) {
    ++made;
    if (&loop != &get_running_loop()) ++elsewhere;
    return body.create_task(options);
  });
  CHECK(run_coroutine_threadsafe(add(1, 2), r.loop(1)).result() == 3);
  CHECK(made == 1);
  CHECK(elsewhere == 0);
  const auto f = run_coroutine_threadsafe(wait_for_event(never), r.loop(1));
  CHECK(f.cancel());
  CHECK_THROWS_AS(f.result(), cancelled_error);
  r.loop(1).set_task_factory({});
}

TEST_CASE("SAFE-008: a thread that waits for a task of a factory is told when the loop closes", "[runtime][threads]") {
  const auto loop = new_event_loop();
  report_catcher reports(*loop);
  loop->set_task_factory(
      [](event_loop&, any_coro& body, const task_options& options) { return body.create_task(options); });
  event never;
  const auto f = run_coroutine_threadsafe(wait_for_event(never), *loop);
  std::atomic<bool> told{false};
  std::thread waits([&] {
    try {
      f.result();
    } catch (const loop_closed&) {
      told = true;
    }
  });
  loop->call_soon([&loop] { loop->call_soon([&loop] { loop->stop(); }); });
  loop->run_forever();
  loop->close();
  waits.join();
  CHECK(told);
}

TEST_CASE("SAFE-008: what a loop with a task factory never begins ends with loop_closed", "[runtime][threads]") {
  const auto loop = new_event_loop();
  loop->set_task_factory(
      [](event_loop&, any_coro& body, const task_options& options) { return body.create_task(options); });
  const auto token = std::make_shared<int>(0);
  const auto body = [](std::shared_ptr<int>) -> coro<> { co_return; };
  const auto f = run_coroutine_threadsafe(body(token), *loop);
  loop->close();
  CHECK_THROWS_AS(f.result(), loop_closed);
  CHECK(token.use_count() == 1);
  CHECK_THROWS_AS(run_coroutine_threadsafe(body(token), *loop), loop_closed);
  CHECK(token.use_count() == 1);
}

TEST_CASE("SAFE-006: tasks that end just when a thread begins to wait for them", "[runtime][threads]") {
  constexpr int rounds = 3000;
  runtime r(run_options().loops(1));
  std::atomic<int> begun{0};
  std::atomic<int> stage{0};
  int ended = 0;
  for (int round = 1; round <= rounds; ++round) {
    const auto f = run_coroutine_threadsafe(end_when(stage, begun, round), r.loop(0));
    while (begun < round) std::this_thread::yield();
    stage = round;
    for (int i = 0; i < round % 400; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);  // to meet now and then
    f.result(1h);
    ++ended;
  }
  CHECK(ended == rounds);
}

TEST_CASE("SAFE-001: each task that comes alone is seen by a loop that falls asleep", "[runtime][threads]") {
  constexpr int rounds = 1000;
  for (const int loops : {1, 2}) {
    runtime r(run_options().loops(loops).order(run_order::fork_join));
    int sum = 0;
    for (int round = 0; round < rounds; ++round) sum += run_coroutine_threadsafe(add(1, 0), r).result();
    CHECK(sum == rounds);
  }
}

TEST_CASE("SAFE-008: a cancel that comes before the factory has made the task reaches it", "[runtime][threads]") {
  const auto loop = new_event_loop();
  loop->set_task_factory(
      [](event_loop&, any_coro& body, const task_options& options) { return body.create_task(options); });
  bool begun = false;
  const auto f = run_coroutine_threadsafe(note_and_wait(begun), *loop);
  CHECK(f.cancel());
  loop->run_until_complete(settle());
  CHECK_FALSE(begun);
  CHECK(all_tasks(*loop).empty());
}
