// SPDX-License-Identifier: BSL-1.0
// A cancel that a task handed on, and that the awaited task has swallowed, is gone: it does not come back with another one
// that came too late for that task.
#include "loop_test.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <utility>

using namespace gyre;
using namespace gyre_test;

namespace {

/// Where the awaited task is.
struct stages {
  std::atomic<bool> begun{false};
  std::atomic<bool> may_go_on{false};
  std::atomic<bool> in_last_step{false};
  std::atomic<bool> may_end{false};

  void last_step() {
    in_last_step = true;
    await(may_end);
  }
  static void await(const std::atomic<bool>& flag) {
    while (!flag) std::this_thread::yield();
  }
};

task_options on_loop(int i) {
  task_options options;
  options.loop = &current_runtime().loop(i);
  options.pin = true;
  return options;
}

coro<> sleep_long() { co_await sleep(1h); }

coro<bool> swallow(coro<> body) {
  try {
    co_await std::move(body);
    co_return false;
  } catch (const cancelled_error&) {
    co_return true;
  }
}

coro<int> end_with(bool swallowed, stages& at) {
  at.last_step();
  co_return swallowed ? 7 : 0;
}

/// It is cancelled in `body`.
coro<int> end_after(coro<> body, stages& at) {
  at.begun = true;
  const bool swallowed = co_await swallow(std::move(body));
  co_return co_await end_with(swallowed, at);
}

/// While it sleeps.
coro<int> asleep(stages& at) { co_return co_await end_after(sleep_long(), at); }

/// In a step, after which it sleeps.
coro<int> in_a_step(stages& at) {
  co_await sleep(0ns);
  at.begun = true;
  stages::await(at.may_go_on);
  const bool swallowed = co_await swallow(sleep_long());
  co_return co_await end_with(swallowed, at);
}

/// In a step, after which it awaits a task; that one swallows the request.
coro<int> before_an_await(stages& at) {
  const task<bool> deeper = create_task(swallow, sleep_long());
  co_await sleep(0ns);
  at.begun = true;
  stages::await(at.may_go_on);
  const bool swallowed = co_await deeper;
  co_return co_await end_with(swallowed, at);
}

/// While it awaits a task that ends by it.
coro<int> in_an_await(stages& at) {
  const task<> deeper = create_task(sleep_long);
  const auto wait = [](task<> t) -> coro<> { co_await t; };
  co_return co_await end_after(wait(deeper), at);
}

/// In a fork-join, whose children get it.
coro<int> in_a_gather(stages& at) {
  const auto both = []() -> coro<> { co_await gather(sleep_long(), sleep_long()); };
  co_return co_await end_after(both(), at);
}

/// The same where the children swallow it, too: the gather is cancelled all the same.
coro<int> in_a_deaf_gather(stages& at) {
  const auto both = []() -> coro<> { co_await gather(swallow(sleep_long()), swallow(sleep_long())); };
  co_return co_await end_after(both(), at);
}

/// In a step, and takes it back itself.
coro<int> withdrawn(stages& at) {
  co_await sleep(0ns);
  at.begun = true;
  stages::await(at.may_go_on);
  const bool swallowed = current_task().uncancel() == 0;
  co_return co_await end_with(swallowed, at);
}

coro<int> await_task(task<int> t) { co_return co_await t; }

/// Of two who wait for one task, the request of the first is swallowed; that of `late`, the second or somebody else, comes in
/// the last step. How the two end.
coro<std::string> swallow_one_miss_another(coro<int> (*body)(stages&), bool free, bool late_is_waiter) {
  stages at;
  task_options there = on_loop(1);
  there.pin = !free;
  const task_options here = on_loop(0);
  const task<int> awaited = create_task(there, body, std::ref(at));
  const task<int> first = create_task(here, await_task, awaited);
  const task<int> second = create_task(here, await_task, awaited);
  stages::await(at.begun);
  co_await settle(3);
  if (!first.cancel("first")) co_return "refused";
  at.may_go_on = true;
  stages::await(at.in_last_step);
  if (!(late_is_waiter ? second.cancel("second") : awaited.cancel("other"))) co_return "refused";
  at.may_end = true;
  std::string how = co_await outcome(first);
  how += ", ";
  how += co_await outcome(second);
  co_return how;
}

}  // namespace

TEST_CASE("XLOOP-012: a cancel that the awaited task swallowed does not come back", "[runtime][cancel]") {
  const auto body = GENERATE(&asleep, &in_a_step, &before_an_await, &in_an_await, &withdrawn);
  CHECK(gyre::run(swallow_one_miss_another(body, false, false), run_options().loops(2)) == "7, 7");
}

TEST_CASE("XLOOP-012: a cancel that the awaited task swallowed does not come back with a neighbour's",
          "[runtime][cancel]") {
  const auto body = GENERATE(&asleep, &in_a_step, &before_an_await, &in_an_await, &withdrawn);
  CHECK(gyre::run(swallow_one_miss_another(body, false, true), run_options().loops(2)) == "7, cancelled: second");
}

TEST_CASE("XLOOP-012: a cancel that a task's children got and the task swallowed does not come back",
          "[runtime][cancel]") {
  const auto body = GENERATE(&in_a_gather, &in_a_deaf_gather);
  CHECK(gyre::run(swallow_one_miss_another(body, true, false), run_options().loops(2)) == "7, 7");
  CHECK(gyre::run(swallow_one_miss_another(body, true, true), run_options().loops(2)) == "7, cancelled: second");
}
