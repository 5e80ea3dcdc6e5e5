// SPDX-License-Identifier: BSL-1.0
// Time limits of tasks that move to another loop inside them, in both orders.
#include "loop_test.hpp"

#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

event_loop& other_loop() { return current_runtime().loop(&get_running_loop() == &current_runtime().loop(0) ? 1 : 0); }

coro<> move_and_sleep(std::chrono::nanoseconds delay) {
  co_await resume_on(other_loop());
  co_await sleep(delay);
}

coro<int> leave_elsewhere() {
  int expired = 0;
  for (int i = 0; i < 20; ++i) {
    co_await with_timeout(1h, move_and_sleep, 0ns);
    try {
      co_await with_timeout(1us * (i % 10), move_and_sleep, std::chrono::microseconds(4));  // at about the same time
    } catch (const timeout_error&) {
      ++expired;
    }
    try {
      co_await with_timeout(20us, move_and_sleep, std::chrono::hours(1));
    } catch (const timeout_error&) {
      ++expired;
    }
  }
  co_return expired;
}

coro<> move_many() {
  std::vector<task<int>> travellers;
  const task_options pinned{.pin = true};
  for (int i = 0; i < 8; ++i) travellers.push_back(create_task(leave_elsewhere(), pinned));
  for (const auto& each : travellers) {
    const int expired = co_await each;
    CHECK(expired >= 20);
    CHECK(expired <= 40);
    CHECK(each.cancelling() == 0);
  }
}

// Another loop moves the deadline of a scope, and its own timer is the one that comes.
coro<std::string> wait_inside(timeout_scope& scope) {
  const auto body = [](timeout_scope&) -> coro<> { co_await sleep(24h); };
  co_return co_await outcome(with(scope, body));
}

coro<> move_deadline(timeout_scope& scope) {
  scope.reschedule(get_running_loop().now() + 1ms);
  co_return;
}

coro<> reschedule_elsewhere() {
  timeout_scope scope(1h);
  const task_options here{.pin = true};
  const task<std::string> waits = create_task(wait_inside(scope), here);
  co_await settle();
  const task_options there{.pin = true, .loop = &other_loop()};
  co_await create_task(move_deadline(scope), there);
  const std::string end = co_await waits;
  CHECK(end == "timeout");
}

void run_in(run_order order, coro<> (*body)()) {
  const auto two = run_options().loops(2).order(order);
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("simulation from seed " << seed);
    gyre::testing::simulate(seed, two, body());
  }
  for (int i = 0; i < 10; ++i) run(body(), two);
}

}  // namespace

TEST_CASE("timeout: a task may leave its limit on another loop than the one it entered it on", "[flow][timeout]") {
  run_in(run_order::asyncio, &move_many);
  run_in(run_order::fork_join, &move_many);
}

TEST_CASE("timeout: a deadline may be moved from another loop, in both orders", "[flow][timeout]") {
  run_in(run_order::asyncio, &reschedule_elsewhere);
  run_in(run_order::fork_join, &reschedule_elsewhere);
}

namespace {

// A call and a limit that are due at the same time: whether the limit has expired when the call has its turn.
coro<bool> has_expired_when_called(bool pin) {
  const auto body = [](bool& expired) -> coro<> {
    const auto due = get_running_loop().now() + 1ms;
    timeout_scope scope(due);
    get_running_loop().call_at(due, [&] { expired = scope.expired(); });
    const auto wait = [](timeout_scope&) -> coro<> { co_await sleep(24h); };
    const std::string end = co_await outcome(with(scope, wait));
    CHECK(end == "timeout");
    co_await settle();
  };
  bool expired = false;
  const task_options how{.pin = pin};
  co_await create_task(body(expired), how);
  co_return expired;
}

}  // namespace

TEST_CASE("timeout: a limit ends where its timer is found due, in asyncio's order in its turn", "[flow][timeout]") {
  for (const bool pin : {false, true}) {
    const auto one = run_options().loops(1);
    CHECK(gyre::testing::simulate(1, run_options(one).order(run_order::fork_join), has_expired_when_called(pin)));
    CHECK_FALSE(gyre::testing::simulate(1, run_options(one).order(run_order::asyncio), has_expired_when_called(pin)));
  }
}
