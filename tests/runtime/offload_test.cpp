// SPDX-License-Identifier: BSL-1.0
// to_thread, run_in_executor and the default executor.
#include "loop_test.hpp"
#include "thread_gate.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

int add(int a, int b) { return a + b; }

coro<> offload_and_note(thread_gate& g, std::string& how) {
  const auto work = [](thread_gate* held) { held->wait(); };
  how = co_await outcome(to_thread(work, &g));
}

}  // namespace

LOOP_TEST("THREAD-001: to_thread gives the function's value", "[runtime][offload]") {
  const int sum = co_await to_thread(add, 1, 2);
  CHECK(sum == 3);
  int calls = 0;
  const auto count = [](int& n) { ++n; };
  co_await to_thread(count, std::ref(calls));
  CHECK(calls == 1);
}

LOOP_TEST("THREAD-001: arguments are moved in, results moved out", "[runtime][offload]") {
  const auto twice = [](std::unique_ptr<int> value) { return std::make_unique<int>(*value * 2); };
  const std::unique_ptr<int> result = co_await to_thread(twice, std::make_unique<int>(4));
  CHECK(*result == 8);
}

TEST_CASE("THREAD-001: the function runs on another thread", "[runtime][offload]") {
  const auto main = []() -> coro<bool> {
    const std::thread::id here = std::this_thread::get_id();
    const auto where = [] { return std::this_thread::get_id(); };
    const std::thread::id there = co_await to_thread(where);
    co_return here != there&& std::this_thread::get_id() == here;
  };
  for (const int loops : {1, 4}) CHECK(run(main(), run_options().loops(loops)));
}

TEST_CASE("THREAD-002: several functions run at once, and the loop goes on", "[runtime][offload]") {
  const auto main = []() -> coro<int> {
    thread_gate g;
    const auto work = [](thread_gate* held) {
      held->wait();
      return 1;
    };
    std::vector<task<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(create_task(to_thread(work, &g)));
    while (g.waiting() < 3) co_await sleep(100us);
    g.open();
    int sum = 0;
    for (const task<int>& each : tasks) sum += co_await each;
    co_return sum;
  };
  for (const int loops : {1, 4}) CHECK(run(main(), run_options().loops(loops)) == 3);
}

RUNTIME_TEST("THREAD-003: an exception of the function comes out", "[runtime][offload]") {
  const auto fail = []() -> int { throw std::runtime_error("on the thread"); };
  const std::string how = co_await outcome(to_thread(fail));
  CHECK(how == "error: on the thread");
}

RUNTIME_TEST("THREAD-002: many at once from many tasks", "[runtime][offload]") {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 100; ++i) bodies.push_back(to_thread(add, i, 1));
  const std::vector<int> results = co_await gather(std::move(bodies));
  int sum = 0;
  for (const int each : results) sum += each;
  CHECK(sum == 5050);
}

LOOP_TEST("THREAD-004: the function sees the caller's variables; what it sets stays in its copy",
          "[runtime][offload]") {
  static const context_var<int> variable("variable", 0);
  variable.set(1);
  const auto look_and_set = [] {
    const int seen = variable.get();
    variable.set(2);
    return seen;
  };
  const int seen = co_await to_thread(look_and_set);
  CHECK(seen == 1);
  CHECK(variable.get() == 1);
}

LOOP_TEST("THREAD-005: run_in_executor starts at once and gives a future", "[runtime][offload]") {
  event_loop& loop = get_running_loop();
  const future<int> f = loop.run_in_executor(nullptr, add, 2, 3);
  const int sum = co_await f;
  CHECK(sum == 5);
  CHECK(f.result() == 5);
  const auto [a, b] =
      co_await gather(loop.run_in_executor(nullptr, add, 1, 1), loop.run_in_executor(nullptr, add, 2, 2));
  CHECK(a + b == 6);
}

LOOP_TEST("THREAD-005: a future of run_in_executor takes callbacks", "[runtime][offload]") {
  const future<int> f = get_running_loop().run_in_executor(nullptr, add, 2, 3);
  event called;
  int seen = 0;
  f.add_done_callback([&](const future<int>& done) {
    seen = done.result();
    called.set();
  });
  co_await called.wait();
  CHECK(seen == 5);
}

LOOP_TEST("THREAD-003: an exception in an executor comes out of the future", "[runtime][offload]") {
  const auto fail = []() -> int { throw std::runtime_error("on the thread"); };
  const std::string how = co_await outcome(get_running_loop().run_in_executor(nullptr, fail));
  CHECK(how == "error: on the thread");
}

TEST_CASE("THREAD-005: run_in_executor runs without anybody waiting", "[runtime][offload]") {
  std::atomic<bool> ran{false};
  const auto main = [](std::atomic<bool>& flag) -> coro<> {
    get_running_loop().run_in_executor(nullptr, [](std::atomic<bool>* out) { *out = true; }, &flag);
    co_return;
  };
  run(main(ran), one_loop());
  CHECK(ran);
}

TEST_CASE("THREAD-005: the default pool is made at its first use and serves all loops", "[runtime][offload]") {
  const auto main = []() -> coro<> {
    event_loop& loop = get_running_loop();
    const auto pool = std::make_shared<thread_pool_executor>(1);
    const auto where = [] { return std::this_thread::get_id(); };
    const std::thread::id own = co_await loop.run_in_executor(pool, where);
    const std::thread::id other = co_await loop.run_in_executor(nullptr, where);
    const std::thread::id raw = co_await loop.run_in_executor(pool.get(), where);
    CHECK(own == raw);
    CHECK(own != other);
    CHECK(pool->thread_count() == 1);
  };
  run(main(), one_loop());
}

TEST_CASE("LOOP-022, THREAD-005: run_in_executor on a closed loop is refused", "[runtime][offload]") {
  const auto loop = new_event_loop();
  loop->close();
  CHECK_THROWS_AS(loop->run_in_executor(nullptr, add, 1, 2), loop_closed);
}

LOOP_TEST("THREAD-006: run_in_executor carries no context variables", "[runtime][offload]") {
  static const context_var<int> variable("variable", 0);
  variable.set(1);
  const int seen = co_await get_running_loop().run_in_executor(nullptr, [] { return variable.get(); });
  CHECK(seen == 0);
}

TEST_CASE("THREAD-007: a cancel of a running function ends the await; the function goes on", "[runtime][offload]") {
  for (const int loops : {1, 4}) {
    thread_gate g;
    std::string how;
    const auto main = [](thread_gate& held, std::string& out) -> coro<bool> {
      const task<> t = create_task(offload_and_note(held, out));
      while (held.waiting() < 1) co_await sleep(100us);
      t.cancel();
      co_await t;
      held.open();
      co_return t.done();
    };
    CHECK(run(main(g, how), run_options().loops(loops)));
    CHECK(how == "cancelled");
  }
}

TEST_CASE("THREAD-007: a future of a running function is cancelled at once; its result is dropped",
          "[runtime][offload]") {
  for (const int loops : {1, 4}) {
    const auto main = []() -> coro<> {
      thread_gate g;
      const auto pool = std::make_shared<thread_pool_executor>(1);
      const auto work = [](thread_gate* held) {
        held->wait();
        throw std::runtime_error("too late");
      };
      const future<void> f = get_running_loop().run_in_executor(pool, work, &g);
      g.await_waiters(1);
      CHECK(f.cancel());
      CHECK(f.cancelled());
      g.open();
      CHECK(pool->shutdown(std::chrono::steady_clock::time_point::max()));
      CHECK(f.cancelled());
      co_return;
    };
    run(main(), run_options().loops(loops));
  }
}

TEST_CASE("THREAD-007: a function that ends after its loop posts nothing to it", "[runtime][offload]") {
  for (const int loops : {1, 4}) {
    thread_gate g;
    thread_pool_executor pool(2);
    std::optional<future<int>> kept;
    std::atomic<int> called{0};
    const auto work = [](thread_gate* held) {
      held->wait();
      return 1;
    };
    const auto main = [](auto body, thread_gate& held, thread_pool_executor& own, std::optional<future<int>>& out,
                         std::atomic<int>& count) -> coro<> {
      out = get_running_loop().run_in_executor(&own, body, &held);
      out->add_done_callback([&count](const future<int>&) { ++count; });
      held.await_waiters(1);
      co_return;
    };
    run(main(work, g, pool, kept, called), run_options().loops(loops));
    g.open();
    CHECK(pool.shutdown(std::chrono::steady_clock::time_point::max()));
    CHECK_FALSE(kept->done());
    CHECK(called == 0);
  }
}

TEST_CASE("THREAD-007: functions end while their loop closes", "[runtime][offload]") {
  for (int round = 0; round < 200; ++round) {
    const auto pool = std::make_shared<thread_pool_executor>(2);
    const auto loop = new_event_loop();
    std::atomic<bool> go{false};
    const auto body = [](std::shared_ptr<thread_pool_executor> own, std::atomic<bool>& flag) -> coro<> {
      const auto work = [](std::atomic<bool>* held) {
        while (!*held) std::this_thread::yield();
      };
      co_await get_running_loop().run_in_executor(own, work, &flag);
    };
    report_catcher reports(*loop);
    const task<> left = loop->create_task(body(pool, go));
    loop->stop();
    loop->run_forever();
    go = true;
    loop->close();
    CHECK(pool->shutdown(std::chrono::steady_clock::time_point::max()));
    CHECK_FALSE(left.done());
  }
}

TEST_CASE("THREAD-008: a function that was cancelled before it began does not run", "[runtime][offload]") {
  const auto pool = std::make_shared<thread_pool_executor>(1);
  std::atomic<bool> ran{false};
  const auto main = [](std::shared_ptr<thread_pool_executor> own, std::atomic<bool>& flag) -> coro<> {
    thread_gate g;
    const auto block = [](thread_gate* held) { held->wait(); };
    const auto note = [](std::atomic<bool>* out) { *out = true; };
    event_loop& loop = get_running_loop();
    loop.set_default_executor(own);
    const future<void> first = loop.run_in_executor(own, block, &g);
    g.await_waiters(1);
    const future<void> second = loop.run_in_executor(own, note, &flag);
    CHECK(second.cancel());
    const std::string how = co_await outcome(second);
    CHECK(how == "cancelled");
    const task<> third = create_task(to_thread(note, &flag));
    co_await settle(2);
    third.cancel();
    const std::string how_third = co_await outcome(third);
    CHECK(how_third == "cancelled");
    g.open();
    co_await first;
  };
  run(main(pool, ran), one_loop());
  pool->shutdown(std::chrono::steady_clock::time_point::max());
  CHECK_FALSE(ran);
}

TEST_CASE("THREAD-008: a function whose task is destroyed before it began does not run", "[runtime][offload]") {
  const auto pool = std::make_shared<thread_pool_executor>(1);
  const auto loop = new_event_loop();
  report_catcher reports(*loop);
  thread_gate g;
  std::atomic<bool> ran{false};
  loop->set_default_executor(pool);
  pool->submit([&g] { g.wait(); });
  g.await_waiters(1);
  const task<> left = loop->create_task(to_thread([](std::atomic<bool>* out) { *out = true; }, &ran));
  loop->stop();
  loop->run_forever();
  loop->close();
  g.open();
  pool->shutdown(std::chrono::steady_clock::time_point::max());
  CHECK_FALSE(ran);
}

TEST_CASE("THREAD-009: set_default_executor's pool serves to_thread and run_in_executor", "[runtime][offload]") {
  const auto pool = std::make_shared<thread_pool_executor>(1);
  const auto main = [](std::shared_ptr<thread_pool_executor> own) -> coro<> {
    event_loop& loop = get_running_loop();
    loop.set_default_executor(own);
    const auto where = [] { return std::this_thread::get_id(); };
    const std::thread::id expected = co_await loop.run_in_executor(own, where);
    const std::thread::id a = co_await to_thread(where);
    const std::thread::id b = co_await loop.run_in_executor(nullptr, where);
    CHECK(a == expected);
    CHECK(b == expected);
    CHECK_THROWS_AS(loop.set_default_executor(nullptr), value_error);
  };
  run(main(pool), run_options().loops(2));
}

TEST_CASE("THREAD-010: shutdown_default_executor waits for the work; then the default executor refuses",
          "[runtime][offload]") {
  for (const int loops : {1, 4}) {
    const auto main = []() -> coro<> {
      event_loop& loop = get_running_loop();
      thread_gate g;
      const auto work = [](thread_gate* held) { held->wait(); };
      const future<void> busy = loop.run_in_executor(nullptr, work, &g);
      g.await_waiters(1);
      const task<> ending = create_task(loop.shutdown_default_executor());
      co_await settle();
      CHECK_FALSE(ending.done());
      CHECK_THROWS_WITH(loop.run_in_executor(nullptr, add, 1, 2), "Executor shutdown has been called");
      const std::string how = co_await outcome(to_thread(add, 1, 2));
      CHECK(how == "error: Executor shutdown has been called");
      g.open();
      co_await ending;
      CHECK(busy.done());
      const auto own = std::make_shared<thread_pool_executor>(1);
      const int sum = co_await loop.run_in_executor(own, add, 1, 2);
      CHECK(sum == 3);
    };
    run(main(), run_options().loops(loops).order(run_order::asyncio));
  }
}

LOOP_TEST("THREAD-010: the end of an executor that was never used", "[runtime][offload]") {
  event_loop& loop = get_running_loop();
  co_await loop.shutdown_default_executor();
  CHECK_THROWS_AS(loop.run_in_executor(nullptr, add, 1, 2), error);
  co_await loop.shutdown_default_executor(1ms);
}

TEST_CASE("THREAD-010: shutdown_default_executor can be cancelled", "[runtime][offload]") {
  const auto main = []() -> coro<> {
    event_loop& loop = get_running_loop();
    thread_gate g;
    const auto work = [](thread_gate* held) { held->wait(); };
    static_cast<void>(loop.run_in_executor(nullptr, work, &g));
    g.await_waiters(1);
    const task<> ending = create_task(loop.shutdown_default_executor());
    co_await settle();
    ending.cancel();
    const std::string how = co_await outcome(ending);
    CHECK(how == "cancelled");
    g.open();
  };
  run(main(), one_loop());
}

TEST_CASE("THREAD-011: shutdown_default_executor gives up at its limit and names what runs", "[runtime][offload]") {
  const auto g = std::make_shared<thread_gate>();
  const auto main = [](std::shared_ptr<thread_gate> held) -> coro<std::string> {
    event_loop& loop = get_running_loop();
    report_catcher reports;
    task_options named;
    named.name = "stuck one";
    const auto body = [](std::shared_ptr<thread_gate> kept) -> coro<> {
      const auto work = [](const std::shared_ptr<thread_gate>& in) { in->wait(); };
      co_await to_thread(work, kept);
    };
    const task<> stuck = create_task(named, body, held);
    while (held->waiting() < 1) co_await sleep(100us);
    co_await loop.shutdown_default_executor(2ms);
    CHECK(reports.reports.size() == 1);
    const std::string details = reports.reports.front().details;
    held->open();
    co_await stuck;
    co_return reports.reports.front().message + "; " + details;
  };
  const std::string text = run(main(g), one_loop());
  CHECK(text.find("did not finish joining its threads") != std::string::npos);
  CHECK(text.find("to_thread(") != std::string::npos);
  CHECK(text.find("by task 'stuck one'") != std::string::npos);
  CHECK(text.find("offload_test.cpp:") != std::string::npos);
  CHECK(text.find(", running for ") != std::string::npos);
}

TEST_CASE("FAULT-39, THREAD-011, RUN-016: the end of run() names the functions that do not return",
          "[runtime][offload]") {
  const auto g = std::make_shared<thread_gate>();
  std::vector<std::string> details;
  const auto main = [](std::shared_ptr<thread_gate> held, std::vector<std::string>& out) -> coro<> {
    event_loop& loop = get_running_loop();
    loop.set_exception_handler(
        [&out](event_loop&, const exception_context& context) { out.push_back(context.details); });
    const auto work = [](const std::shared_ptr<thread_gate>& in) { in->wait(); };
    static_cast<void>(loop.run_in_executor(nullptr, work, held));
    held->await_waiters(1);
    co_return;
  };
  run(main(g, details), one_loop().shutdown_timeout(5ms));
  g->open();
  CHECK(details.size() == 1);
  CHECK(details.front().find("run_in_executor(") == 0);
  CHECK(details.front().find("offload_test.cpp:") != std::string::npos);
  CHECK(details.front().find("by task 'Task-1'") != std::string::npos);
}

TEST_CASE("LOOP-023: close() does not wait for the default executor", "[runtime][offload]") {
  const auto g = std::make_shared<thread_gate>();
  const auto loop = new_event_loop();
  const auto work = [](const std::shared_ptr<thread_gate>& held) { held->wait(); };
  static_cast<void>(loop->run_in_executor(nullptr, work, g));
  g->await_waiters(1);
  loop->close();
  CHECK_THROWS_AS(loop->run_in_executor(nullptr, add, 1, 2), loop_closed);
  g->open();
}
