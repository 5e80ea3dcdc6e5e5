// SPDX-License-Identifier: BSL-1.0
// What fibers promise about memory: in the steady state neither a fiber nor its awaits call malloc or map stacks.
#include "loop_test.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#ifndef GYRE_TEST_COUNTS_ALLOCATIONS
#define GYRE_TEST_COUNTS_ALLOCATIONS 1
#endif

using namespace gyre;
using namespace gyre_test;

namespace {

std::atomic<bool> counting{false};
std::atomic<long> allocations{0};

}  // namespace

#if GYRE_TEST_COUNTS_ALLOCATIONS
GYRE_NOINLINE void* operator new(std::size_t size) {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
GYRE_NOINLINE void operator delete(void* p) noexcept { std::free(p); }
GYRE_NOINLINE void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

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
  if (GYRE_TEST_COUNTS_ALLOCATIONS == 0) return;
  const auto amain = []() -> coro<long> {
    lock mutex;
    queue<int> numbers(1);
    for (int i = 0; i < 20; ++i) co_await create_task(fiber(wait_for_everything, std::ref(mutex), std::ref(numbers)));
    const std::size_t mapped = fiber_stats().mapped_bytes;
    allocations.store(0);
    counting.store(true);
    for (int i = 0; i < 20; ++i) co_await create_task(fiber(wait_for_everything, std::ref(mutex), std::ref(numbers)));
    counting.store(false);
    CHECK(fiber_stats().mapped_bytes == mapped);
    co_return allocations.load();
  };
  CHECK(run(amain(), one_loop()) == 0);
}
