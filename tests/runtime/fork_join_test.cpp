// SPDX-License-Identifier: BSL-1.0
// gather on runtimes of several loops: children run as a fork-join, where thieves may take them.
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> fib(int n) {
  if (n < 2) co_return n;
  const auto [a, b] = co_await gather(fib(n - 1), fib(n - 2));
  co_return a + b;
}

coro<int> give(int value) { co_return value; }

coro<int> give_later(int value, int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return value;
}

coro<int> fail(const char* what) {
  throw std::runtime_error(what);
  co_return 0;
}

coro<int> fail_later(const char* what, int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  throw std::runtime_error(what);
}

coro<int> wait_for_event(event& e, std::atomic<int>& ended) {
  co_await e.wait();
  ++ended;
  co_return 1;
}

coro<int> wait_forever(std::atomic<int>& started, std::atomic<int>& cancelled) {
  event never;
  ++started;
  try {
    co_await never.wait();
  } catch (const cancelled_error&) {
    ++cancelled;
    throw;
  }
  co_return 0;
}

coro<int> tree_of_waits(int depth, std::atomic<int>& started, std::atomic<int>& cancelled) {
  if (depth == 0) co_return co_await wait_forever(started, cancelled);
  const auto [a, b] =
      co_await gather(tree_of_waits(depth - 1, started, cancelled), tree_of_waits(depth - 1, started, cancelled));
  co_return a + b;
}

coro<int> swallow(std::atomic<int>& started) {
  event never;
  ++started;
  try {
    co_await never.wait();
  } catch (const cancelled_error&) {
  }
  co_return 7;
}

/// Lets the other tasks run until `value` reaches `target`.
coro<> reach(const std::atomic<int>& value, int target) {
  while (value.load() < target) co_await sleep(0ns);
}

coro<any_task> who(std::atomic<int>& wrong) {
  const any_task before = current_task();
  co_await sleep(0ns);
  const any_task after = current_task();
  if (!(before == after)) ++wrong;
  co_return before;
}

coro<int> who_deep(any_task parent, int depth, std::atomic<int>& wrong) {
  const any_task me = current_task();
  if (me == parent) ++wrong;
  if (depth == 0) co_return 1;
  const auto [a, b] = co_await gather(who_deep(me, depth - 1, wrong), who_deep(me, depth - 1, wrong));
  if (!(current_task() == me)) ++wrong;
  co_return a + b;
}

coro<std::string> name_itself(std::string name) {
  any_task me = current_task();
  me.set_name(name);
  co_await sleep(0ns);
  co_return current_task().get_name();
}

coro<> gather_and_note(std::atomic<int>& started, std::atomic<int>& cancelled, std::string& how) {
  how = co_await outcome(gather(wait_forever(started, cancelled), wait_forever(started, cancelled)));
}

coro<> gather_swallowing(std::atomic<int>& started, std::string& how) {
  how = co_await outcome(gather(swallow(started), swallow(started)));
}

coro<std::unique_ptr<int>> owned(int value) { co_return std::make_unique<int>(value); }

coro<> nothing() { co_return; }

}  // namespace

RUNTIME_TEST("fork-join: a recursion gives its value", "[runtime][fork_join]") {
  const int value = co_await fib(12);
  CHECK(value == 144);
}

RUNTIME_TEST("fork-join: results come in the order of the arguments", "[runtime][fork_join]") {
  const auto [a, b, c] = co_await gather(give_later(1, 3), give(2), give_later(3, 1));
  CHECK(a == 1);
  CHECK(b == 2);
  CHECK(c == 3);
}

RUNTIME_TEST("fork-join: a vector of none, of one, of a thousand", "[runtime][fork_join]") {
  for (const int n : {0, 1, 1000}) {
    std::vector<coro<int>> bodies;
    for (int i = 0; i < n; ++i) bodies.push_back(give(i));
    const std::vector<int> results = co_await gather(std::move(bodies));
    REQUIRE(results.size() == static_cast<std::size_t>(n));
    bool ordered = true;
    for (int i = 0; i < n; ++i) ordered = ordered && results[static_cast<std::size_t>(i)] == i;
    CHECK(ordered);
  }
}

RUNTIME_TEST("fork-join: a thousand children that suspend", "[runtime][fork_join]") {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 1000; ++i) bodies.push_back(give_later(i, i % 4));
  const std::vector<int> results = co_await gather(std::move(bodies));
  long sum = 0;
  for (const int each : results) sum += each;
  CHECK(sum == 499'500);
}

RUNTIME_TEST("fork-join: void and move-only results", "[runtime][fork_join]") {
  const auto [none, owner] = co_await gather(nothing(), owned(3));
  CHECK(none == unit());
  REQUIRE(owner != nullptr);
  CHECK(*owner == 3);
}

RUNTIME_TEST("GATHER-007: fork-join: the first error comes at once, and the siblings go on", "[runtime][fork_join]") {
  event gate;
  std::atomic<int> ended{0};
  const std::string how =
      co_await outcome(gather(wait_for_event(gate, ended), fail("first"), wait_for_event(gate, ended)));
  CHECK(how == "error: first");
  CHECK(ended == 0);
  gate.set();
  co_await reach(ended, 2);
  CHECK(ended == 2);
}

RUNTIME_TEST("GATHER-007: fork-join: an error after a suspension", "[runtime][fork_join]") {
  event gate;
  std::atomic<int> ended{0};
  const std::string how = co_await outcome(gather(wait_for_event(gate, ended), fail_later("late", 3)));
  CHECK(how == "error: late");
  CHECK(all_tasks().size() == 2);
  gate.set();
  co_await reach(ended, 1);
}

RUNTIME_TEST("GATHER-008: fork-join: later errors are dropped", "[runtime][fork_join]") {
  report_catcher caught;
  const std::string how = co_await outcome(gather(fail("x"), fail("x"), fail_later("x", 2), give(1)));
  CHECK(how == "error: x");
  co_await settle(20);
  CHECK(caught.reports.empty());
}

RUNTIME_TEST("GATHER-009: fork-join: errors among the results", "[runtime][fork_join]") {
  const auto [a, b, c] = co_await gather(return_exceptions, give_later(1, 2), fail("kept"), fail_later("too", 1));
  CHECK(a.value() == 1);
  CHECK(in_words(b.exception()) == "error: kept");
  CHECK(in_words(c.exception()) == "error: too");
}

RUNTIME_TEST("GATHER-009: fork-join: a vector with errors among the results", "[runtime][fork_join]") {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 100; ++i) bodies.push_back(i % 10 == 3 ? fail("three") : give_later(i, i % 3));
  const auto results = co_await gather(return_exceptions, std::move(bodies));
  int errors = 0;
  for (const auto& each : results) errors += each.has_value() ? 0 : 1;
  CHECK(errors == 10);
}

RUNTIME_TEST("fork-join: an error in a deep tree reaches the root", "[runtime][fork_join]") {
  struct tree {
    static coro<int> node(int depth, int path) {
      if (depth == 0) {
        if (path == 21) throw std::runtime_error("leaf 21");
        co_return 1;
      }
      const auto [a, b] = co_await gather(node(depth - 1, path * 2), node(depth - 1, path * 2 + 1));
      co_return a + b;
    }
  };
  const std::string how = co_await outcome(tree::node(6, 0));
  CHECK(how == "error: leaf 21");
  co_await settle(5);
}

RUNTIME_TEST("GATHER-018: fork-join: a cancel goes to every child", "[runtime][fork_join]") {
  std::atomic<int> started{0};
  std::atomic<int> cancelled{0};
  std::string how;
  const task<> t = create_task(gather_and_note(started, cancelled, how));
  co_await reach(started, 2);
  CHECK(t.cancel());
  co_await t;
  CHECK(how == "cancelled");
  co_await reach(cancelled, 2);
}

RUNTIME_TEST("fork-join: the cancel of a whole tree", "[runtime][fork_join]") {
  std::atomic<int> started{0};
  std::atomic<int> cancelled{0};
  const task<int> t = create_task(tree_of_waits(5, started, cancelled));
  co_await reach(started, 32);
  CHECK(t.cancel("all of you"));
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: all of you");
  CHECK(t.cancelled());
  co_await reach(cancelled, 32);
}

RUNTIME_TEST("fork-join: the cancel of a tree that is still growing", "[runtime][fork_join]") {
  std::atomic<int> started{0};
  std::atomic<int> cancelled{0};
  const task<int> t = create_task(tree_of_waits(5, started, cancelled));
  co_await reach(started, 1);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  while (all_tasks().size() > 1) co_await sleep(0ns);
  CHECK(started == cancelled);
}

RUNTIME_TEST("GATHER-015: fork-join: children that swallow the cancel leave the gather cancelled",
             "[runtime][fork_join]") {
  std::atomic<int> started{0};
  std::string how;
  const task<> t = create_task(gather_swallowing(started, how));
  co_await reach(started, 2);
  t.cancel();
  co_await t;
  CHECK(how == "cancelled");
}

RUNTIME_TEST("fork-join: a task cancelled before it forks cancels its children", "[runtime][fork_join]") {
  const auto body = [](std::atomic<int>& started, std::atomic<int>& cancelled, std::string& how) -> coro<> {
    current_task().cancel();
    how = co_await outcome(gather(wait_forever(started, cancelled), wait_forever(started, cancelled)));
  };
  std::atomic<int> started{0};
  std::atomic<int> cancelled{0};
  std::string how;
  const task<> t = create_task(body, std::ref(started), std::ref(cancelled), std::ref(how));
  co_await t;
  CHECK(how == "cancelled");
  while (all_tasks().size() > 1) co_await sleep(0ns);
  CHECK(started == cancelled);
}

RUNTIME_TEST("fork-join: each child is a task of its own", "[runtime][fork_join]") {
  std::atomic<int> wrong{0};
  const auto [a, b] = co_await gather(who(wrong), who(wrong));
  CHECK(wrong == 0);
  CHECK_FALSE(a == b);
  CHECK_FALSE(a == current_task());
  CHECK(a.done());
  CHECK(b.done());
}

RUNTIME_TEST("fork-join: current_task is right in a deep tree", "[runtime][fork_join]") {
  std::atomic<int> wrong{0};
  const int leaves = co_await who_deep(any_task(), 6, wrong);
  CHECK(leaves == 64);
  CHECK(wrong == 0);
}

RUNTIME_TEST("fork-join: children have names", "[runtime][fork_join]") {
  const auto [a, b] = co_await gather(name_itself("left"), name_itself("right"));
  CHECK(a == "left");
  CHECK(b == "right");
}

RUNTIME_TEST("fork-join: all_tasks lists the children while they run", "[runtime][fork_join]") {
  std::atomic<int> started{0};
  std::atomic<int> cancelled{0};
  const task<int> t = create_task(tree_of_waits(3, started, cancelled));
  co_await reach(started, 8);
  const task_set seen = all_tasks();
  CHECK(seen.contains(t));
  CHECK(seen.size() == 2 + 2 + 4 + 8);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  while (all_tasks().size() > 1) co_await sleep(0ns);  // those left by the gathers that ended with their first child
}

RUNTIME_TEST("fork-join: a handle to a child outlives it", "[runtime][fork_join]") {
  const auto keep = [](any_task& out, int value) -> coro<int> {
    out = current_task();
    co_await sleep(0ns);
    co_return value;
  };
  any_task first;
  any_task second;
  const auto [a, b] = co_await gather(keep(first, 1), keep(second, 2));
  CHECK(a + b == 3);
  CHECK(first.done());
  CHECK_FALSE(first.cancelled());
  CHECK(first.exception() == nullptr);
  CHECK(to_string(first).find("result=1") != std::string::npos);
  CHECK_FALSE(second.cancel());
}

RUNTIME_TEST("fork-join: a child cancelled through its handle fails the gather", "[runtime][fork_join]") {
  const auto publish = [](std::atomic<int>& ready, any_task& out) -> coro<int> {
    event never;
    out = current_task();
    ++ready;
    co_await never.wait();
    co_return 0;
  };
  const auto body = [](coro<int> child, std::string& how) -> coro<> {
    how = co_await outcome(gather(std::move(child), give(1)));
  };
  std::atomic<int> ready{0};
  any_task child;
  std::string how;
  const task<> t = create_task(body, publish(ready, child), std::ref(how));
  co_await reach(ready, 1);
  CHECK(child.cancel("you alone"));
  co_await t;
  CHECK(how == "cancelled: you alone");
  CHECK(child.cancelled());
}

RUNTIME_TEST("fork-join: a done callback of a child runs", "[runtime][fork_join]") {
  std::atomic<int> called{0};
  const auto watch = [](std::atomic<int>& count) -> coro<int> {
    current_task().add_done_callback([&count](const any_task& done) {
      if (done.done()) ++count;
    });
    co_await sleep(0ns);
    co_return 1;
  };
  const auto [a, b] = co_await gather(watch(called), watch(called));
  CHECK(a + b == 2);
  co_await reach(called, 2);
}

RUNTIME_TEST("fork-join: gathers nest inside tasks and tasks inside gathers", "[runtime][fork_join]") {
  const auto mixed = [](int n) -> coro<int> {
    const task<int> t = create_task(fib(n));
    const auto [a, b] = co_await gather(fib(n - 1), t);
    co_return a + b;
  };
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 10; ++i) bodies.push_back(mixed(7));
  const std::vector<int> results = co_await gather(std::move(bodies));
  for (const int each : results) CHECK(each == 8 + 13);
}

RUNTIME_TEST("fork-join: children of a pinned task stay on its loop", "[runtime][fork_join]") {
  const auto leaf = [](event_loop* home, std::atomic<int>& elsewhere) -> coro<int> {
    for (int i = 0; i < 5; ++i) {
      if (&get_running_loop() != home) ++elsewhere;
      co_await sleep(0ns);
    }
    co_return 1;
  };
  const auto parent = [](auto child, std::atomic<int>& elsewhere) -> coro<int> {
    event_loop* home = &get_running_loop();
    std::vector<coro<int>> bodies;
    for (int i = 0; i < 20; ++i) bodies.push_back(child(home, elsewhere));
    const std::vector<int> ones = co_await gather(std::move(bodies));
    co_return static_cast<int>(ones.size());
  };
  std::atomic<int> elsewhere{0};
  const task_options options{.pin = true, .loop = &current_runtime().loop(1)};
  const task<int> t = create_task(options, parent, leaf, std::ref(elsewhere));
  const int count = co_await t;
  CHECK(count == 20);
  CHECK(elsewhere == 0);
}
