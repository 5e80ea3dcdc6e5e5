// SPDX-License-Identifier: BSL-1.0
// What changes on another loop between a look and the step that counts on it. Each is tried often: most times it changes
// before or after.
#include "loop_test.hpp"

#include "loop/loop_core.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

run_options two_loops() { return run_options().loops(2); }

task_options on_other_loop() {
  task_options options;
  options.loop = &current_runtime().loop(1);
  options.pin = true;
  return options;
}

// --- a deadline is moved while it passes ------------------------------------------------------------------------------

/// Its loop looks at its timers all the time.
coro<> keep_busy(std::atomic<bool>& stop) {
  while (!stop) co_await sleep(0ns);
}

coro<std::string> wait_inside(timeout_scope& scope) {
  const auto body = [](timeout_scope&) -> coro<> { co_await future<int>(); };
  co_return co_await outcome(with(scope, body));
}

bool moves(timeout_scope& scope, std::chrono::nanoseconds from_now) {
  try {
    scope.reschedule(get_running_loop().now() + from_now);
    return true;
  } catch (const error&) {
    return false;
  }
}

/// How often a deadline was moved, and the old one ended the block all the same.
coro<int> move_passing_deadlines() {
  std::atomic<bool> stop{false};
  int unheeded = 0;
  const task_options there = on_other_loop();
  const task<> busy = create_task(there, keep_busy, std::ref(stop));
  for (int i = 0; i < 3'000; ++i) {
    timeout_scope scope(20us);
    const task<std::string> waits = create_task(there, wait_inside, std::ref(scope));
    while (!scope.when()) {
    }
    const auto about_then = *scope.when() + std::chrono::nanoseconds(i % 64 * 25);
    while (get_running_loop().now() < about_then) {
    }
    if (moves(scope, 1h)) {
      unheeded += scope.expired() ? 1 : 0;
      moves(scope, 0ns);
    }
    const std::string how = co_await waits;
    CHECK(how == "timeout");
    CHECK(waits.cancelling() == 0);
  }
  stop = true;
  co_await busy;
  co_return unheeded;
}

// --- tasks are listed while a gather fails ----------------------------------------------------------------------------

/// Computes for a while.
coro<int> compute(int rounds) {
  int sum = 0;
  for (int i = 0; i < rounds; ++i) {
    sum += i;
    asm volatile("" : "+r"(sum));
  }
  co_return sum;
}

/// A task that lasts, two gathers below a task that has gone.
struct family {
  std::atomic<int> begun{0};
  std::atomic<bool> may_fail{false};
  any_task lasting;
  event end;
  std::atomic<int> gone{0};
};

coro<int> last(family& f) {
  f.lasting = current_task();
  ++f.begun;
  co_await f.end.wait();
  ++f.gone;
  co_return 1;
}

coro<int> fail_when_told(family& f) {
  co_await resume_on(current_runtime().loop(1));
  ++f.begun;
  while (!f.may_fail) co_await sleep(0ns);
  throw std::runtime_error("told");
}

coro<int> fail_at_once() {
  throw std::runtime_error("at once");
  co_return 1;
}

coro<int> parent_of(family& f) {
  try {
    static_cast<void>(co_await gather(last(f), fail_when_told(f)));
  } catch (const std::runtime_error&) {  // the lasting one is an orphan now
  }
  co_await f.end.wait();
  ++f.gone;
  co_return 1;
}

coro<> grandparent_of(family& f) {
  try {
    static_cast<void>(co_await gather(parent_of(f), fail_at_once()));
  } catch (const std::runtime_error&) {  // so is the parent
  }
}

coro<int> list_while_gathers_fail() {
  int missed = 0;
  task_options far;
  far.loop = &current_runtime().loop(2);
  std::deque<family> families(300);
  for (std::size_t i = 0; i < families.size(); ++i) {
    family& f = families[i];
    co_await create_task(far, grandparent_of, std::ref(f));
    while (f.begun < 2) co_await sleep(0ns);
    f.may_fail = true;
    co_await compute(static_cast<int>(i % 50 * 100));
    for (int looks = 0; looks < 4; ++looks) {
      const task_set there = all_tasks();
      missed += std::find(there.begin(), there.end(), f.lasting) == there.end() ? 1 : 0;
    }
    f.end.set();
    while (f.gone < 2) co_await sleep(0ns);
  }
  co_return missed;
}

// --- a cancel comes while children are made ---------------------------------------------------------------------------

coro<int> wait_for_ever() {
  co_await future<int>();
  co_return 1;
}

coro<> gather_many(std::atomic<bool>& begins) {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 20'000; ++i) bodies.push_back(wait_for_ever());
  begins = true;
  static_cast<void>(co_await gather(std::move(bodies)));
}

coro<> cancel_at(const std::atomic<bool>& begins, any_task victim) {
  while (!begins) std::this_thread::yield();
  victim.cancel("stop");
  co_return;
}

coro<> cancel_in_the_making() {
  const task_options there = on_other_loop();
  for (int i = 0; i < 5; ++i) {
    std::atomic<bool> begins{false};
    const task<> gathers = create_task(gather_many, std::ref(begins));
    const any_task victim = gathers;
    const task<> cancels = create_task(there, cancel_at, std::cref(begins), victim);
    const std::string how = co_await outcome(gathers);
    CHECK(how == "cancelled: stop");
    co_await cancels;
  }
}

// --- a group is aborted while it makes tasks --------------------------------------------------------------------------

coro<> wait_long() { co_await sleep(1h); }

coro<> fail_when(const std::atomic<bool>& told) {
  while (!told) co_await sleep(0ns);
  throw std::runtime_error("told");
}

/// Makes tasks until the group refuses.
coro<> make_tasks(task_group& group, task_options there, std::vector<task<>>& made) {
  std::atomic<bool> may_fail{false};
  const task<> fails = group.create_task(there, fail_when, std::cref(may_fail));
  try {
    for (;;) {
      made.push_back(group.create_task(wait_long()));
      if (made.size() == 100) may_fail = true;
    }
  } catch (const error&) {  // it shuts down
  }
  co_await outcome(fails);
}

/// How many tasks were not asked to end just once.
coro<int> abort_in_the_making() {
  int not_once = 0;
  for (int i = 0; i < 200; ++i) {
    std::vector<task<>> made;
    try {
      co_await with_task_group(make_tasks, on_other_loop(), std::ref(made));
    } catch (const exception_group&) {
    }
    for (const task<>& each : made) not_once += each.cancelling() == 1 ? 0 : 1;
  }
  co_return not_once;
}

// --- a loop stops while it looks for work -----------------------------------------------------------------------------

coro<event_loop*> find_other_loop() { co_return &current_runtime().loop(1); }

coro<> stop_loop(event_loop& loop) {
  loop.stop();
  co_return;
}

coro<int> give(int value) { co_return value; }

void await_sleep(event_loop& loop) {
  while (!loop.core().sleeping()) std::this_thread::yield();
}

/// The other loop wakes the first one for a task that it takes itself: the first one finds nothing, and stops.
void wake_and_stop(event_loop& first, event_loop& other) {
  await_sleep(first);
  await_sleep(other);
  other.call_soon_threadsafe([&first] { create_task(stop_loop(first)); });
}

}  // namespace

TEST_CASE("timeout: a deadline that was moved while it passed either ends the block or was not moved",
          "[runtime][timeout]") {
  CHECK(run(move_passing_deadlines(), two_loops()) == 0);
}

TEST_CASE("all_tasks() finds a task whose parents fail meanwhile", "[runtime][fork_join]") {
  CHECK(run(list_while_gathers_fail(), run_options().loops(3)) == 0);
}

TEST_CASE("fork-join: a cancel that comes while the children are made reaches them", "[runtime][fork_join]") {
  run(cancel_in_the_making(), two_loops());
}

TEST_CASE("task group: each of its tasks is cancelled once, also those that are made meanwhile",
          "[runtime][task_group]") {
  CHECK(run(abort_in_the_making(), two_loops()) == 0);
}

TEST_CASE("parking: a loop that stops while it looks for work leaves the others to be woken", "[runtime][parking]") {
  for (int round = 0; round < 20; ++round) {
    runner loops(two_loops().spin_before_park(0ns));
    event_loop& first = loops.get_loop();
    event_loop& other = *loops.run(find_other_loop());
    std::thread outside(wake_and_stop, std::ref(first), std::ref(other));
    CHECK_THROWS_AS(loops.run(wait_for_ever()), error);
    outside.join();
    await_sleep(other);
    coro<int> anywhere = give(round);  // any loop may run it: who sends it wakes one, if nobody looks for work
    CHECK(detail::submit(anywhere, detail::submission_target{&other.core(), true}).result() == round);
  }
}
