// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <gyre/core/trace.hpp>

#include <loop/loop_core.hpp>

#include <atomic>
#include <list>
#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return value;
}

coro<int> fail_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  throw std::runtime_error("failed");
}

coro<std::string> text() { co_return "t"; }

coro<int> await_future(future<int> f) { co_return co_await f; }

coro<> wait_for_all(std::vector<task<int>> tasks) { static_cast<void>(co_await wait(std::move(tasks))); }

}  // namespace

LOOP_TEST("WAIT-001: done and pending are disjoint and hold all arguments", "[flow][wait]") {
  const future<int> never;
  std::vector<task<int>> tasks{create_task(after(1, 1)), create_task(await_future(never)), create_task(after(0, 2))};
  wait_options options;
  options.return_when = first_completed;
  const auto result = co_await wait(tasks, options);
  CHECK(result.done.size() + result.pending.size() == 3);
  CHECK(result.done.contains(tasks[2]));
  CHECK(result.pending.contains(tasks[1]));
  CHECK_FALSE(result.done.contains(tasks[1]));
  tasks[1].cancel();
}

LOOP_TEST("WAIT-002: an unknown return_when is refused", "[flow][wait]") {
  const task<int> t = create_task(sleep(0ns, 1));
  const wait_options unknown{.return_when = static_cast<return_when_t>(9)};
  const std::string how = co_await outcome(wait(t, unknown));
  CHECK(how == "error: wait: invalid return_when value");
  co_await t;
}

LOOP_TEST("WAIT-001: the sets compare as sets", "[flow][wait]") {
  const task<int> a = create_task(sleep(0ns, 1));
  const task<int> b = create_task(sleep(0ns, 2));
  const auto [done, pending] = co_await wait(a, b);
  CHECK(done == task_set{b, a});
  CHECK_FALSE(done == task_set{a});
  CHECK(pending == task_set());
}

LOOP_TEST("WAIT-002: an empty collection is refused", "[flow][wait]") {
  const std::vector<task<int>> none;
  const std::string how = co_await outcome(wait(none));
  CHECK(how == "error: Set of Tasks/Futures is empty.");
}

LOOP_TEST("WAIT-003: all_completed waits for values, errors and cancellations alike", "[flow][wait]") {
  const future<int> f;
  std::vector<task<int>> tasks{create_task(after(2, 1)), create_task(fail_after(1)), create_task(await_future(f))};
  get_running_loop().call_soon([f] { f.cancel(); });
  const auto result = co_await wait(tasks);
  CHECK(result.done.size() == 3);
  CHECK(result.pending.empty());
  CHECK(tasks[2].cancelled());
  CHECK(in_words(tasks[1].exception()) == "error: failed");
}

LOOP_TEST("WAIT-004: first_completed returns when one is done", "[flow][wait]") {
  const future<int> never;
  const task<int> slow = create_task(await_future(never));
  const task<int> quick = create_task(after(1, 5));
  const wait_options options{.return_when = first_completed};
  const auto [done, pending] = co_await wait(slow, quick, options);
  REQUIRE(done.size() == 1);
  CHECK(done.front().result() == 5);
  CHECK(pending.size() == 1);
  slow.cancel();
}

LOOP_TEST("WAIT-005: first_exception returns at the first error", "[flow][wait]") {
  const future<int> never;
  const task<int> slow = create_task(await_future(never));
  const task<int> quick = create_task(after(0, 5));
  const task<int> failing = create_task(fail_after(2));
  const wait_options options{.return_when = first_exception};
  const auto [done, pending] = co_await wait(slow, quick, failing, options);
  CHECK(done.size() == 2);
  CHECK(done.contains(failing));
  CHECK(pending.contains(slow));
  CHECK(failing.exception() != nullptr);
  slow.cancel();
}

LOOP_TEST("WAIT-005: for first_exception a cancelled task is no error", "[flow][wait]") {
  const future<int> f;
  const task<int> cancelled = create_task(await_future(f));
  const task<int> slow = create_task(after(5, 1));
  get_running_loop().call_soon([cancelled] { cancelled.cancel(); });
  const wait_options options{.return_when = first_exception};
  const auto [done, pending] = co_await wait(cancelled, slow, options);
  CHECK(done.size() == 2);
  CHECK(pending.empty());
}

LOOP_TEST("WAIT-006: done holds all that is done when the wait resumes", "[flow][wait]") {
  const task<int> a = create_task(after(1, 1));
  const task<int> b = create_task(after(1, 2));
  const future<int> never;
  const wait_options options{.return_when = first_completed};
  const task<int> c = create_task(await_future(never));
  const auto [done, pending] = co_await wait(a, b, c, options);
  CHECK(done.size() == 2);
  CHECK(pending.size() == 1);
  c.cancel();
}

LOOP_TEST("WAIT-007: at the timeout it returns what is done and cancels nothing", "[flow][wait]") {
  const future<int> f;
  const task<int> slow = create_task(await_future(f));
  const task<int> quick = create_task(after(0, 1));
  const wait_options options{.timeout = 2ms};
  const auto [done, pending] = co_await wait(slow, quick, options);
  CHECK(done.size() == 1);
  CHECK(pending.size() == 1);
  CHECK_FALSE(slow.done());
  CHECK(slow.cancelling() == 0);
  f.set_result(2);
  const int value = co_await slow;
  CHECK(value == 2);
}

LOOP_TEST("WAIT-007: a timeout of 0 gives the loop one look", "[flow][wait]") {
  const future<int> never;
  const task<int> slow = create_task(await_future(never));
  const task<int> quick = create_task(after(0, 1));
  const wait_options options{.timeout = 0ns};
  const auto [done, pending] = co_await wait(slow, quick, options);
  CHECK(done.contains(quick));
  CHECK(pending.contains(slow));
  slow.cancel();
}

LOOP_TEST("WAIT-008: when all are done already it does not wait for the timeout", "[flow][wait]") {
  const task<int> t = create_task(after(0, 1));
  co_await t;
  const auto start = get_running_loop().now();
  const wait_options options{.timeout = 1h};
  const auto [done, pending] = co_await wait(t, options);
  CHECK(done.size() == 1);
  CHECK(get_running_loop().now() - start < 1h);
}

LOOP_TEST("WAIT-009: duplicates count once", "[flow][wait]") {
  const task<int> t = create_task(after(1, 1));
  const auto [done, pending] = co_await wait(t, t, t);
  CHECK(done.size() == 1);
  CHECK(pending.empty());
}

LOOP_TEST("WAIT-011: cancelling the waiter leaves the tasks running", "[flow][wait]") {
  const future<int> f;
  const task<int> inner = create_task(await_future(f));
  const std::vector<task<int>> tasks{inner};
  const task<> waiter = create_task(wait_for_all(tasks));
  co_await settle(3);
  waiter.cancel();
  const std::string how = co_await outcome(waiter);
  CHECK(how == "cancelled");
  CHECK_FALSE(inner.done());
  CHECK(inner.cancelling() == 0);
  f.set_result(1);
  co_await inner;
}

LOOP_TEST("WAIT-012: leaving the wait takes its callbacks back", "[flow][wait]") {
  const future<int> f;
  const future<int> g;
  const wait_options options{.timeout = 1ms};
  const auto [done, pending] = co_await wait(f, g, options);
  CHECK(pending.size() == 2);
  CHECK(to_string(f) == "<Future pending>");
}

LOOP_TEST("wait: shows itself in the text of what it waits for", "[flow][wait]") {
  const future<int> f;
  const std::vector<future<int>> futures{f};
  const auto body = [](std::vector<future<int>> all) -> coro<> { static_cast<void>(co_await wait(std::move(all))); };
  const task<> waiter = create_task(body, futures);
  co_await settle(2);
  CHECK(to_string(f) == "<Future pending cb=[_wait.<locals>._on_completion()]>");
  f.set_result(1);
  co_await waiter;
}

LOOP_TEST("wait: tasks of different types come as any_task", "[flow][wait]") {
  const task<int> number = create_task(after(1, 1));
  const task<std::string> word = create_task(text());
  const auto [done, pending] = co_await wait(number, word);
  CHECK(done.contains(number));
  CHECK(done.contains(word));
  CHECK(pending.empty());
}

LOOP_TEST("wait: takes futures too", "[flow][wait]") {
  const future<int> a;
  const future<int> b;
  get_running_loop().call_soon([a] { a.set_result(1); });
  const wait_options options{.return_when = first_completed};
  const auto [done, pending] = co_await wait(a, b, options);
  CHECK(done.contains(a));
  CHECK(pending.contains(b));
}

LOOP_TEST("wait: the sets keep the order of the arguments", "[flow][wait]") {
  std::vector<task<int>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(create_task(after(5 - i, i)));
  const auto result = co_await wait(tasks);
  int expected = 0;
  for (const task<int>& each : result.done) CHECK(each.result() == expected++);
}

LOOP_TEST("WAIT-010: any collection of tasks is accepted", "[flow][wait]") {
  const std::list<task<int>> list{create_task(after(1, 1)), create_task(after(2, 2))};
  const auto [done, pending] = co_await wait(list);
  CHECK(done.size() == 2);
  CHECK(pending.empty());
  const task<int> more = create_task(after(1, 3));
  wait_options options;
  options.return_when = first_completed;
  const auto of_set = co_await wait(all_tasks(), options);
  CHECK(of_set.done.size() == 1);
  CHECK(of_set.pending.size() == 1);
  co_await more;
}

// --- a timeout that comes early ----------------------------------------------------------------------------------------
namespace {

/// Fires the timers of a task's loop whenever that task may be interrupted: as another loop does while this one is stuck.
struct early_timers {
  static inline std::atomic<detail::task_core*> waiter{nullptr};
  static void fire() noexcept {
    detail::task_core* const t = waiter.load();
    if (t == nullptr || detail::this_thread().current != t) return;
    auto& loop = static_cast<detail::loop_core&>(t->at());
    loop.timers->fire_due_elsewhere(loop.now());
  }
  early_timers() { detail::interruption_target.store(&fire); }
  early_timers(const early_timers&) = delete;
  early_timers& operator=(const early_timers&) = delete;
  ~early_timers() { detail::interruption_target.store(nullptr); }
};

coro<std::size_t> wait_no_time(task<int> t) {
  early_timers::waiter = detail::this_thread().current;
  std::vector<task<int>> one;
  one.push_back(t);
  wait_options options;
  options.timeout = 0ns;
  const auto [done, pending] = co_await wait(one, options);
  early_timers::waiter = nullptr;
  co_return pending.size();
}

}  // namespace

TEST_CASE("wait: a timeout that another loop finds due before the task has parked ends the wait", "[flow][wait]") {
  const auto main = []() -> coro<> {
    const future<int> f;
    const task<int> other = create_task(await_future(f));
    const std::size_t pending = co_await create_task(wait_no_time(other));
    CHECK(pending == 1);
    f.set_result(1);
    co_await other;
  };
  const early_timers early;
  run(main(), run_options().loops(2).order(run_order::fork_join));
}
