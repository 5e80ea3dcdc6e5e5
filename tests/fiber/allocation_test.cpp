// SPDX-License-Identifier: BSL-1.0
// What fibers promise about memory: in the steady state neither a fiber nor its awaits call malloc or map stacks.
#include "allocations.hpp"
#include "loop_test.hpp"

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> one() { co_return 1; }

int wait_for_everything(lock& mutex, queue<int>& numbers) {
  int sum = 0;
  for (int i = 0; i < 5; ++i) {
    const auto held = gyre::await(mutex.scoped());
    gyre::await(numbers.put(i));
    sum += gyre::await(numbers.get()) + gyre::await(one()) + gyre::await(fiber([] { return gyre::await(one()); }));
    gyre::await(sleep(0ns));
    gyre::await(sleep(1us));
  }
  return sum;
}

}  // namespace

TEST_CASE("C12: in the steady state a fiber and its awaits call malloc as little as a coroutine", "[fiber]") {
  if (!counts_allocations) return;
  const auto amain = []() -> coro<long> {
    lock mutex;
    queue<int> numbers(1);
    for (int i = 0; i < 20; ++i) co_await create_task(fiber(wait_for_everything, std::ref(mutex), std::ref(numbers)));
    const std::size_t mapped = fiber_stats().mapped_bytes;
    const allocation_counter made;
    for (int i = 0; i < 20; ++i) co_await create_task(fiber(wait_for_everything, std::ref(mutex), std::ref(numbers)));
    CHECK(fiber_stats().mapped_bytes == mapped);
    co_return made.count();
  };
  CHECK(run(amain(), one_loop()) == 0);
}
