// SPDX-License-Identifier: BSL-1.0
// pin_scope in a generator, which another task than its consumer may close.
#include "loop_test.hpp"

#include <atomic>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

async_generator<int> pinned_items() {
  const pin_scope stay;
  for (int i = 0;; ++i) co_yield i;
}

// Whether it stayed on one loop inside its scope, while others would have stolen it.
coro<bool> consume_and_stay(async_generator<int>& items, event& begun, event& closed) {
  static_cast<void>(co_await items.next());
  const pin_scope stay;
  const event_loop* const home = &get_running_loop();
  begun.set();
  co_await closed.wait();
  bool stayed = true;
  for (int i = 0; i < 200; ++i) {
    co_await sleep(0ns);
    stayed = stayed && &get_running_loop() == home;
  }
  co_return stayed;
}

coro<> close_for(async_generator<int>& items, event& begun, event& closed) {
  co_await begun.wait();
  co_await items.aclose();
  closed.set();
}

coro<> yield_often() {
  for (int i = 0; i < 300; ++i) co_await sleep(0ns);
}

coro<> close_elsewhere() {
  auto items = pinned_items();
  event begun;
  event closed;
  std::vector<task<>> others;
  for (int i = 0; i < 3; ++i) others.push_back(create_task(yield_often()));
  const task<bool> consumer = create_task(consume_and_stay(items, begun, closed));
  co_await create_task(close_for(items, begun, closed));
  const bool stayed = co_await consumer;
  CHECK(stayed);
  for (const auto& each : others) co_await each;
}

}  // namespace

TEST_CASE("pin_scope: one in a generator that another task closes leaves the consumer pinned", "[flow][pin_scope]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("simulation from seed " << seed);
    gyre::testing::simulate(seed, run_options().loops(3), close_elsewhere());
  }
}
