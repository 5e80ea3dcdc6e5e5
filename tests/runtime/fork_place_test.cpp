// SPDX-License-Identifier: BSL-1.0
// Where a fork-join runs: who is told of it, where its tasks are at home, what is left of a child.
#include "loop_test.hpp"

#include "loop/loop_core.hpp"

#include <gyre/core/awaited_by.hpp>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

int at_home() {
  const detail::thread_state& here = detail::this_thread();
  return &here.current->at() == here.loop ? 1 : 0;
}

coro<int> yield_at_home(int turns) {
  int times = at_home();
  for (int i = 0; i < turns; ++i) {
    co_await sleep(0ns);
    times += at_home();
  }
  co_return times;
}

/// How often a task was at home, of the looks that 2^depth leaves and those above them take.
coro<int> split(int depth) {
  if (depth == 0) {
    const int times = co_await yield_at_home(2);
    co_return times;
  }
  const auto [one, other] = co_await gather(split(depth - 1), split(depth - 1));
  co_return one + other + at_home();
}

coro<std::uint64_t> count_bells() { co_return current_runtime().stats().doorbells; }

/// A gather whose first child looks how often others have been woken since `before`.
coro<std::uint64_t> bells_before_first_child(std::uint64_t before) {
  const auto [then, later] = co_await gather(count_bells(), count_bells());
  static_cast<void>(later);
  co_return then - before;
}

coro<bool> tells_sleepers() {
  event_loop& other = current_runtime().loop(1);
  std::uint64_t bells = 0;
  for (int i = 0; i < 1'000 && bells == 0; ++i) {  // it may get up for a moment just then
    while (!other.core().sleeping()) std::this_thread::yield();
    bells = co_await bells_before_first_child(current_runtime().stats().doorbells);
  }
  co_return bells == 1;
}

coro<int> cancel_itself(any_task& shown, int times) {
  shown = current_task();
  for (int i = 0; i < times; ++i) shown.cancel();
  try {
    co_await sleep(0ns);
  } catch (const cancelled_error&) {  // it goes on
  }
  co_return times;
}

coro<int> await_future(future<int> f) {
  const int value = co_await f;
  co_return value;
}

coro<> gather_both(future<int> one, future<int> other) {
  static_cast<void>(co_await gather(await_future(one), await_future(other)));
}

/// Somebody who looks at a future keeps the child that awaits it, and asks for its handle when it has ended.
coro<bool> ask_after_the_end() {
  const future<int> one = get_running_loop().create_future<int>();
  const future<int> other = get_running_loop().create_future<int>();
  const task<> parent = create_task(gather_both(one, other));
  co_await settle();
  bool told = false;
  {
    detail::awaiter_list kept;
    for (kept.start_again(); !one.core("test").note_awaiters(kept);) kept.start_again();
    one.set_result(1);
    co_await settle();
    std::vector<detail::core_ref<detail::future_core>> awaiters;
    std::vector<detail::core_ref<detail::future_core>> through;
    kept.take(awaiters, through);
    told = awaiters.size() == 1 && awaiters.front()->done();
  }
  other.set_result(2);
  co_await parent;
  co_return told;
}

}  // namespace

TEST_CASE("fork-join: a handle that is asked for when its child has ended tells of the end", "[runtime][fork_join]") {
  CHECK(run(ask_after_the_end(), run_options().loops(1).order(run_order::fork_join)));
}

RUNTIME_TEST("fork-join: parents and children are at home where they run", "[runtime][fork_join]") {
  for (int i = 0; i < 4; ++i) {
    const int times = co_await create_task(split(6));
    CHECK(times == 64 * 3 + 63);
  }
}

TEST_CASE("fork-join: who sleeps is told of the children before the first of them runs", "[runtime][fork_join]") {
  CHECK(run(tells_sleepers(), run_options().loops(2).spin_before_park(0ns)));
}

RUNTIME_TEST("fork-join: the handle of a child that has ended tells how often it was cancelled",
             "[runtime][fork_join]") {
  any_task one;
  any_task other;
  static_cast<void>(co_await gather(cancel_itself(one, 1), cancel_itself(other, 3)));
  CHECK(one.done());
  CHECK(one.cancelling() == 1);
  CHECK(other.cancelling() == 3);
}

RUNTIME_TEST("fork-join: the text of a child that has ended says where its coroutine is defined",
             "[runtime][fork_join]") {
  any_task one;
  any_task other;
  static_cast<void>(co_await gather(cancel_itself(one, 0), cancel_itself(other, 0)));
  const std::string text = to_string(one);
  CHECK(text.find("coro=<cancel_itself() done, defined at ") != std::string::npos);
  CHECK(text.find("fork_place_test.cpp:") != std::string::npos);
}
