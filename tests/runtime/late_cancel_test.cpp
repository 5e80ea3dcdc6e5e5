// SPDX-License-Identifier: BSL-1.0
// Cancels that reach a task in its last step: from another loop they come too late for its result, and are not lost for who
// waits for it; the task's own count.
#include "loop_test.hpp"

#include <gyre/asio.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <string>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

/// A step that lasts: from its begin until the test lets it end.
struct long_step {
  std::atomic<bool> begun{false};
  std::atomic<bool> may_end{false};

  void take() {
    begun = true;
    while (!may_end) std::this_thread::yield();
  }
  void await_begin() const {
    while (!begun) std::this_thread::yield();
  }
};

coro<int> last_step(long_step& step) {
  co_await sleep(0ns);
  step.take();
  co_return 7;
}

coro<int> await_task(task<int> t) { co_return co_await t; }

task_options on_loop(int i) {
  task_options options;
  options.loop = &current_runtime().loop(i);
  options.pin = true;
  return options;
}

}  // namespace

TEST_CASE("XLOOP-012: a cancel that comes in the last step of a task does not take its result away",
          "[runtime][cancel]") {
  const auto body = []() -> coro<> {
    long_step step;
    const task_options there = on_loop(1);
    const task<int> t = create_task(there, last_step, std::ref(step));
    step.await_begin();
    CHECK(t.cancel());
    step.may_end = true;
    const int value = co_await t;
    CHECK(value == 7);
    CHECK_FALSE(t.cancelled());
    CHECK(t.cancelling() == 1);
  };
  gyre::run(body(), run_options().loops(2));
}

TEST_CASE("XLOOP-012: a cancel that is handed on to a task in its last step comes back", "[runtime][cancel]") {
  const auto body = []() -> coro<> {
    long_step step;
    const task_options there = on_loop(1);
    const task_options here = on_loop(0);
    const task<int> inner = create_task(there, last_step, std::ref(step));
    const task<int> middle = create_task(here, await_task, inner);
    const task<int> outer = create_task(here, await_task, middle);
    const task<int> neighbour = create_task(here, await_task, inner);
    co_await settle(3);
    step.await_begin();
    CHECK(outer.cancel("stop"));
    step.may_end = true;
    const std::string how = co_await outcome(outer);
    const int beside = co_await neighbour;
    CHECK(how == "cancelled: stop");
    CHECK(beside == 7);
    CHECK(middle.cancelled());
    CHECK(inner.result() == 7);
    CHECK(outer.cancelling() == 1);
  };
  gyre::run(body(), run_options().loops(2));
}

TEST_CASE("XLOOP-012: a request that was taken back before it came back is gone", "[runtime][cancel]") {
  const auto body = []() -> coro<> {
    long_step step;
    const task_options there = on_loop(1);
    const task_options here = on_loop(0);
    const task<int> inner = create_task(there, last_step, std::ref(step));
    const task<int> outer = create_task(here, await_task, inner);
    co_await settle(3);
    step.await_begin();
    CHECK(outer.cancel());
    CHECK(outer.uncancel() == 0);
    step.may_end = true;
    const int value = co_await outer;
    CHECK(value == 7);
  };
  gyre::run(body(), run_options().loops(2));
}

TEST_CASE("XLOOP-012: a task that begins to wait for one in its last step keeps its cancel", "[runtime][cancel]") {
  const auto body = []() -> coro<> {
    long_step step;
    const task_options there = on_loop(1);
    const task<int> inner = create_task(there, last_step, std::ref(step));
    step.await_begin();
    const auto waiter = [](task<int> t, long_step& s) -> coro<int> {
      current_task().cancel("own");  // goes on to what is awaited next
      s.may_end = true;
      co_return co_await t;
    };
    const task_options here = on_loop(0);
    const task<int> outer = create_task(here, waiter, inner, std::ref(step));
    const std::string how = co_await outcome(outer);
    const int value = co_await inner;
    // Either the request met a task that had ended and stayed, or it came back.
    CHECK(how == "cancelled: own");
    CHECK(value == 7);
  };
  for (int i = 0; i < 50; ++i) gyre::run(body(), run_options().loops(2));
}

LOOP_TEST("TASK-023: a task that cancels itself in its last step ends cancelled, from a nested step too",
          "[core][cancel]") {
  const auto itself = []() -> coro<int> {
    current_task().cancel("self");
    co_return 1;
  };
  const task<int> t = create_task(itself);
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: self");

  const auto by_child = []() -> coro<int> {
    const auto child = [](any_task parent) -> coro<> {
      parent.cancel("child");
      co_return;
    };
    task_options at_once;
    at_once.eager_start = true;
    create_task(at_once, child, current_task());
    co_return 1;
  };
  const task<int> u = create_task(by_child);
  const std::string second = co_await outcome(u);
  CHECK(second == "cancelled: child");
}

TEST_CASE("XLOOP-012: a cancel that meets a gather which has ended stays with its task", "[runtime][cancel]") {
  // main waits in its loop's queue for the step in which it takes the results; nobody but itself can take the request.
  const auto main = []() -> coro<std::string> {
    const auto child = [](any_task parent) -> coro<int> {
      get_running_loop().call_soon([parent] { parent.cancel("late"); });
      co_return 1;
    };
    std::exception_ptr error;
    try {
      static_cast<void>(co_await gather(child(current_task()), child(current_task())));
      co_await sleep(0ns);
    } catch (const cancelled_error&) {
      error = std::current_exception();
    }
    co_return in_words(error);
  };
  const std::string how = gyre::run(main(), run_options().loops(1).order(run_order::fork_join));
  CHECK(how == "cancelled: late");
}

namespace {

/// A child of a gather in its last step, with its handle.
struct last_child {
  long_step step;
  any_task handle;
};

coro<int> child_in_last_step(last_child& c, bool stops_before) {
  if (stops_before) co_await sleep(0ns);
  c.handle = current_task();
  c.step.take();
  co_return 7;
}

/// On the other loop.
coro<bool> cancel_child(last_child& c, std::atomic<bool>& ready) {
  ready = true;
  c.step.await_begin();
  const bool taken = c.handle.cancel();
  c.step.may_end = true;
  co_return taken;
}

}  // namespace

TEST_CASE("XLOOP-012: a cancel in the last step of a gather's child does not take its value away",
          "[runtime][cancel]") {
  const auto main = [](bool stops_before) -> coro<> {
    last_child c;
    std::atomic<bool> ready{false};
    const task_options there = on_loop(1);
    const task<bool> canceller = create_task(there, cancel_child, std::ref(c), std::ref(ready));
    while (!ready) std::this_thread::yield();  // it keeps its loop busy: the children run here
    const auto nothing = []() -> coro<int> { co_return 1; };
    const auto [value, other] = co_await gather(child_in_last_step(c, stops_before), nothing());
    const bool taken = co_await canceller;
    CHECK(taken);
    CHECK(value == 7);
    CHECK(other == 1);
    CHECK_FALSE(c.handle.cancelled());
    CHECK(c.handle.cancelling() == 1);
  };
  const bool stops_before = GENERATE(false, true);
  gyre::run(main(stops_before), run_options().loops(2));
}

TEST_CASE("TASK-023: a child of a gather that cancels itself in its last step ends cancelled", "[runtime][cancel]") {
  const auto main = []() -> coro<std::string> {
    const auto child = []() -> coro<int> {
      current_task().cancel("self");
      co_return 1;
    };
    std::exception_ptr error;
    try {
      static_cast<void>(co_await gather(child(), child()));
    } catch (const cancelled_error&) {
      error = std::current_exception();
    }
    co_return in_words(error);
  };
  CHECK(gyre::run(main(), run_options().loops(1).order(run_order::fork_join)) == "cancelled: self");
}

TEST_CASE("C8: a loop of its own looks at I/O between long steps, in its first turn already", "[runtime][fairness]") {
  // Steps of more than a turn may take: the operation has ended after the first one.
  const auto main = []() -> coro<int> {
    int steps = 0;
    bool fired = false;
    const auto burn = [](int& taken, const bool& over) -> coro<> {
      while (!over && taken < 100) {
        ++taken;
        const auto until = std::chrono::steady_clock::now() + 3ms;
        while (std::chrono::steady_clock::now() < until) {
        }
        co_await sleep(0ns);
      }
    };
    const auto timed = [](bool& over) -> coro<> {
      boost::asio::steady_timer timer(native_context(), 1ms);
      co_await timer.async_wait(use_gyre);
      over = true;
    };
    const task<> t = create_task(timed, std::ref(fired));
    const task<> b = create_task(burn, std::ref(steps), std::cref(fired));
    co_await gather(t, b);
    co_return steps;
  };
  CHECK(gyre::run(main(), run_options().loops(1).order(run_order::fork_join)) < 10);
}
