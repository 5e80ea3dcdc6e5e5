// SPDX-License-Identifier: BSL-1.0
// wrap_future: results of other threads, awaited on a loop.
#include "loop_test.hpp"
#include "thread_gate.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> add(int a, int b) {
  co_await sleep(0ns);
  co_return a + b;
}

coro<int> fail() {
  co_await sleep(0ns);
  throw std::runtime_error("in the other loop");
}

coro<> wait_for_event(event& e) { co_await e.wait(); }

template <class T>
coro<std::string> outcome_of(blocking_future<T> source) {
  co_return co_await outcome(wrap_future(source));
}

}  // namespace

TEST_CASE("FUT-028, SAFE-010: wrap_future follows the result of another runtime", "[runtime][threads]") {
  runtime other(run_options().loops(2));
  for (const int loops : {1, 4}) {
    CHECK(run(outcome_of(run_coroutine_threadsafe(add(1, 2), other)), run_options().loops(loops)) == "3");
    CHECK(run(outcome_of(run_coroutine_threadsafe(fail(), other)), run_options().loops(loops)) ==
          "error: in the other loop");
  }
}

TEST_CASE("SAFE-010: wrap_future of something that has ended", "[runtime][threads]") {
  runtime other(run_options().loops(1));
  const auto ended = run_coroutine_threadsafe(add(1, 2), other);
  CHECK(ended.result() == 3);
  CHECK(run(outcome_of(ended), one_loop()) == "3");
  const auto no_result = [] {};
  thread_pool_executor pool(1);
  CHECK(run(outcome_of(pool.submit(no_result)), one_loop()) == "done");
}

TEST_CASE("SAFE-010: a result that can only be moved is moved on", "[runtime][threads]") {
  thread_pool_executor pool(1);
  const auto source = pool.submit([] { return std::make_unique<int>(5); });
  const auto main = [](blocking_future<std::unique_ptr<int>> from) -> coro<int> {
    const std::unique_ptr<int> value = co_await wrap_future(from);
    co_return *value;
  };
  CHECK(run(main(source), one_loop()) == 5);
  CHECK_THROWS_AS(source.result(), invalid_state_error);
}

LOOP_TEST("SAFE-010: wrap_future of a future or task is the same one", "[runtime][threads]") {
  const future<int> f;
  CHECK(wrap_future(f) == f);
  CHECK(wrap_future(f, get_running_loop()) == f);
  const task<int> t = create_task(add(1, 2));
  CHECK(wrap_future(t) == t);
  const int sum = co_await wrap_future(t);
  CHECK(sum == 3);
  f.cancel();
}

TEST_CASE("SAFE-010: std::future and std::shared_future are awaited by way of a thread", "[runtime][threads]") {
  const auto main = []() -> coro<> {
    std::promise<int> number;
    std::promise<std::unique_ptr<int>> owned;
    std::promise<std::string> text;
    std::promise<void> nothing;
    int target = 0;
    std::promise<int&> reference;
    const future<int> a = wrap_future(number.get_future());
    const future<std::unique_ptr<int>> b = wrap_future(owned.get_future());
    const future<std::string> c = wrap_future(text.get_future().share());
    const future<void> d = wrap_future(nothing.get_future(), get_running_loop());
    const future<int&> e = wrap_future(reference.get_future());
    CHECK_FALSE(a.done());
    number.set_value(3);
    owned.set_value(std::make_unique<int>(4));
    text.set_value("five");
    nothing.set_value();
    reference.set_value(target);
    const int got = co_await a;
    CHECK(got == 3);
    const std::unique_ptr<int> moved = co_await b;
    CHECK(*moved == 4);
    const std::string copied = co_await c;
    CHECK(copied == "five");
    co_await d;
    int& same = co_await e;
    CHECK(&same == &target);
  };
  run(main(), one_loop());
}

TEST_CASE("SAFE-010: the error of a std::future comes out", "[runtime][threads]") {
  std::promise<int> broken;
  broken.set_exception(std::make_exception_ptr(std::runtime_error("kept")));
  const auto main = [](std::future<int> f) -> coro<std::string> {
    co_return co_await outcome(wrap_future(std::move(f)));
  };
  CHECK(run(main(broken.get_future()), one_loop()) == "error: kept");
}

TEST_CASE("SAFE-011: cancelling the wrapper cancels what it follows", "[runtime][threads]") {
  runtime other(run_options().loops(2));
  event never;
  const auto source = run_coroutine_threadsafe(wait_for_event(never), other);
  const auto main = [](blocking_future<void> from) -> coro<std::string> {
    const future<void> wrapper = wrap_future(from);
    wrapper.cancel();
    co_return co_await outcome(wrapper);
  };
  CHECK(run(main(source), one_loop()) == "cancelled");
  CHECK_THROWS_AS(source.result(), cancelled_error);
}

TEST_CASE("SAFE-011: cancelling a task that awaits the wrapper cancels what it follows", "[runtime][threads]") {
  runtime other(run_options().loops(2));
  event never;
  const auto source = run_coroutine_threadsafe(wait_for_event(never), other);
  const auto main = [](blocking_future<void> from) -> coro<std::string> {
    const task<std::string> t = create_task(outcome_of(from));
    co_await settle(2);
    t.cancel();
    co_return co_await t;
  };
  CHECK(run(main(source), run_options().loops(2)) == "cancelled");
  CHECK_THROWS_AS(source.result(), cancelled_error);
}

TEST_CASE("FUT-028, SAFE-011: a wrapper that was cancelled ignores the late result", "[runtime][threads]") {
  thread_gate g;
  thread_pool_executor pool(1);
  const auto source = pool.submit([&g]() -> int {
    g.wait();
    return 1;
  });
  g.await_waiters(1);
  const auto main = [](blocking_future<int> from, thread_gate& held, thread_pool_executor& own) -> coro<> {
    const future<int> wrapper = wrap_future(from);
    CHECK(wrapper.cancel());
    held.open();
    own.shutdown(std::chrono::steady_clock::time_point::max());
    co_await settle();
    CHECK(wrapper.cancelled());
    CHECK(from.cancelled());
  };
  run(main(source, g, pool), one_loop());
}

TEST_CASE("FUT-028, SAFE-011: a cancel of what is followed cancels the wrapper", "[runtime][threads]") {
  runtime other(run_options().loops(2));
  event never;
  const auto source = run_coroutine_threadsafe(wait_for_event(never), other);
  const auto main = [](blocking_future<void> from) -> coro<std::string> {
    const future<void> wrapper = wrap_future(from);
    from.cancel();
    co_return co_await outcome(wrapper);
  };
  CHECK(run(main(source), one_loop()) == "cancelled");
}

TEST_CASE("SAFE-012: wrap_future needs a loop: the running one, the one set, or one given", "[runtime][threads]") {
  thread_pool_executor pool(1);
  const auto source = pool.submit([] { return 1; });
  CHECK_THROWS_AS(wrap_future(source), no_running_loop);
  std::promise<int> p;
  CHECK_THROWS_AS(wrap_future(p.get_future()), no_running_loop);
  const auto loop = new_event_loop();
  CHECK(loop->run_until_complete(wrap_future(source, *loop)) == 1);
  set_event_loop(loop);
  CHECK(loop->run_until_complete(wrap_future(source)) == 1);
  set_event_loop(nullptr);
  const auto main = [](blocking_future<int> from) -> coro<bool> {
    const future<int> wrapper = wrap_future(from);
    co_return &wrapper.get_loop() == &get_running_loop();
  };
  CHECK(run(main(source), one_loop()));
}

TEST_CASE("SAFE-010: a wrapper fails when the loop behind its source closes first", "[runtime][threads]") {
  const auto other = new_event_loop();
  report_catcher reports(*other);
  event never;
  const auto source = run_coroutine_threadsafe(wait_for_event(never), *other);
  const auto main = [](blocking_future<void> from, std::shared_ptr<event_loop> loop) -> coro<std::string> {
    const future<void> wrapper = wrap_future(from);
    loop->close();
    co_return co_await outcome(wrapper);
  };
  CHECK(run(main(source, other), one_loop()) == "error: the event loop was closed before the task ended");
}

TEST_CASE("SAFE-010: the loop that closes reports the task, and nobody its wrapper", "[runtime][threads]") {
  const auto other = new_event_loop();
  report_catcher reports(*other);
  event never;
  const auto source = run_coroutine_threadsafe(wait_for_event(never), *other);
  const auto main = [](blocking_future<void> from, std::shared_ptr<event_loop> loop) -> coro<std::size_t> {
    const report_catcher here;
    {
      const future<void> wrapper = wrap_future(from);
      loop->close();
      CHECK(wrapper.done());
    }
    co_return here.reports.size();
  };
  CHECK(run(main(source, other), one_loop()) == 0);
  CHECK(reports.reports.size() == 1);
}

TEST_CASE("SAFE-011: results come while the wrapper's loop closes", "[runtime][threads]") {
  thread_pool_executor pool(2);
  for (int round = 0; round < 200; ++round) {
    const auto loop = new_event_loop();
    report_catcher reports(*loop);
    std::atomic<bool> go{false};
    const auto source = pool.submit([&go] {
      while (!go) std::this_thread::yield();
      return 1;
    });
    const task<std::string> left = loop->create_task(outcome_of(source));
    loop->stop();
    loop->run_forever();
    go = true;
    loop->close();
    CHECK(source.result() == 1);
    CHECK_FALSE(left.done());
  }
}

TEST_CASE("FUT-028, SAFE-011: a late result changes nothing of how a wrapper was cancelled", "[runtime][threads]") {
  runtime other(run_options().loops(1));
  event go_on;
  std::atomic<bool> begun{false};
  const auto swallows = [](event& e, std::atomic<bool>& waits) -> coro<int> {
    waits = true;
    try {
      co_await future<int>();
    } catch (const cancelled_error&) {  // it ends in its own time
    }
    co_await e.wait();
    co_return 7;
  };
  const auto source = run_coroutine_threadsafe(swallows(go_on, begun), other);
  while (!begun) std::this_thread::yield();
  const auto main = [](blocking_future<int> from, event& e) -> coro<std::string> {
    const future<int> wrapper = wrap_future(from);
    wrapper.cancel("early");
    e.set();
    const auto result_of = [](const blocking_future<int>& f) { return f.result(); };
    const int late = co_await to_thread(result_of, from);
    CHECK(late == 7);
    co_await settle();
    const std::string how = co_await outcome(wrapper);
    co_return how;
  };
  CHECK(run(main(source, go_on), one_loop()) == "cancelled: early");
}
