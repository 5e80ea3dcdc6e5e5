// SPDX-License-Identifier: BSL-1.0
// The edges of a gather that runs as a fork-join: what an error leaves behind, cancels before a child's first step and in its
// last one, where the parent goes on, handles that are made as a child ends.
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) { co_return value; }

coro<int> give_later(int value, int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return value;
}

coro<std::shared_ptr<int>> share(std::shared_ptr<int> value) { co_return value; }

coro<std::shared_ptr<int>> fail_to_share(int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  throw std::runtime_error("failed");
}

coro<int> cancel_itself() {
  current_task().cancel();
  co_return 1;
}

/// Cancels the other tasks but `parent`, and ends then or goes on for a turn.
coro<int> cancel_siblings(any_task parent, int turns) {
  const any_task me = current_task();
  for (const any_task& each : all_tasks()) {
    if (!(each == me) && !(each == parent)) each.cancel();
  }
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return 1;
}

coro<int> note_begin(std::atomic<int>& begun) {
  ++begun;
  co_return 1;
}

coro<int> sum_of(int depth) {
  if (depth == 0) co_return 1;
  const auto [a, b] = co_await gather(sum_of(depth - 1), sum_of(depth - 1));
  co_return a + b;
}

run_options one_loop_of_forks() { return run_options().loops(1).order(run_order::fork_join); }

}  // namespace

RUNTIME_TEST("fork-join: after an error nothing is kept of what the others gave", "[runtime][fork_join]") {
  for (const int turns : {0, 3}) {
    const auto kept = std::make_shared<int>(1);
    const std::string how = co_await outcome(gather(share(kept), fail_to_share(turns), share(kept)));
    CHECK(how == "error: failed");
    for (int i = 0; kept.use_count() > 1 && i < 100'000; ++i) co_await sleep(0ns);  // the last of them frees it
    CHECK(kept.use_count() == 1);
  }
}

RUNTIME_TEST("fork-join: a child that returns while a cancel is pending fails the gather", "[runtime][fork_join]") {
  const std::string how = co_await outcome(gather(give(1), cancel_itself()));
  CHECK(how == "cancelled");
}

TEST_CASE("fork-join: a child that is cancelled before its first step never runs its body", "[runtime][fork_join]") {
  const auto gathers = [](std::atomic<int>& begun, int turns) -> coro<std::string> {
    const any_task me = current_task();
    co_return co_await outcome(gather(cancel_siblings(me, turns), note_begin(begun), note_begin(begun)));
  };
  const auto main = [](auto body, std::atomic<int>& begun, int turns) -> coro<std::string> {
    task<std::string> t = create_task(body, std::ref(begun), turns);
    const std::string how = co_await outcome(t);
    co_return how;
  };
  for (const int turns : {0, 2}) {
    std::atomic<int> begun{0};
    run(main(gathers, begun, turns), one_loop_of_forks());
    CHECK(begun == 0);
  }
}

RUNTIME_TEST("fork-join: main goes on where it was, whichever loop its last child ends on", "[runtime][fork_join]") {
  const event_loop* const here = &get_running_loop();
  int elsewhere = 0;
  for (int round = 0; round < 10; ++round) {
    std::vector<coro<int>> bodies;
    for (int i = 0; i < 10; ++i) bodies.push_back(give_later(1, i % 4));
    static_cast<void>(co_await gather(std::move(bodies)));
    if (&get_running_loop() != here) ++elsewhere;
  }
  CHECK(elsewhere == 0);
}

TEST_CASE("fork-join: a handle that is made as its child ends hears of the end", "[runtime][fork_join]") {
  static constexpr auto collect = [](const std::atomic<bool>& over, std::vector<any_task>& seen) -> coro<> {
    while (!over && seen.size() < 200'000) {
      for (const any_task& each : all_tasks()) seen.push_back(each);
      co_await sleep(0ns);
    }
  };
  const auto main = []() -> coro<std::size_t> {
    std::atomic<bool> over{false};
    std::vector<any_task> seen;
    task_options beside;
    beside.pin = true;
    beside.loop = &current_runtime().loop(1);
    const task<> collector = create_task(beside, collect, std::cref(over), std::ref(seen));
    for (int round = 0; round < 300; ++round) static_cast<void>(co_await sum_of(6));
    over = true;
    co_await collector;
    const any_task me = current_task();
    std::size_t open = 0;
    for (const any_task& each : seen) open += each.done() || each == me ? 0 : 1;
    co_return open;
  };
  CHECK(run(main(), run_options().loops(2)) == 0);
}
