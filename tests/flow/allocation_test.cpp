// SPDX-License-Identifier: BSL-1.0
// Memory that runs out inside gather(): its caller gets std::bad_alloc, and the children go on.
#include "loop_test.hpp"

#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>
#include <vector>

#ifndef GYRE_TEST_COUNTS_ALLOCATIONS
#define GYRE_TEST_COUNTS_ALLOCATIONS 1
#endif

using namespace gyre;
using namespace gyre_test;

namespace {

constexpr int never = -1;
std::atomic<int> successes{never};  // before allocations begin to fail

[[maybe_unused]] bool fails() noexcept {
  int left = successes.load(std::memory_order_relaxed);
  while (left > 0 && !successes.compare_exchange_weak(left, left - 1)) {
  }
  return left == 0;
}

}  // namespace

#if GYRE_TEST_COUNTS_ALLOCATIONS
GYRE_NOINLINE void* operator new(std::size_t size) {
  if (!fails()) {
    if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  }
  throw std::bad_alloc();
}
GYRE_NOINLINE void operator delete(void* p) noexcept { std::free(p); }
GYRE_NOINLINE void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

namespace {

coro<int> one() {
  co_await sleep(0ns);
  co_return 1;
}

// Gathers more tasks than the frame pool has room for, with the allocation number `failing` and all after it refused.
coro<bool> gather_short_of_memory(int failing) {
  constexpr std::size_t many = 2'000;
  std::vector<task<int>> tasks;
  for (std::size_t i = 0; i < many; ++i) tasks.push_back(create_task(one()));
  std::vector<task<int>> given = tasks;
  bool refused = false;
  try {
    successes = failing;
    auto all = gather(std::move(given));
    static_cast<void>(all.start());
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  successes = never;
  static_cast<void>(co_await wait(tasks));
  for (const task<int>& each : tasks) {
    if (each.result() != 1) throw error("a child of a failed gather has another result");
  }
  co_return refused;
}

coro<> drop_one_unawaited() {
  std::optional<coro<int>> body(one());
  successes = 0;  // for the report
  body.reset();
  successes = never;
  co_return;
}

}  // namespace

TEST_CASE("gather: memory that runs out on the way leaves the children whole", "[flow][gather]") {
  if (GYRE_TEST_COUNTS_ALLOCATIONS == 0) return;
  int failing = 0;
  while (run(gather_short_of_memory(failing), one_loop())) ++failing;
  CHECK(failing > 2);
}

TEST_CASE("coro: one that was never awaited is destroyed without memory, too", "[core][coro]") {
  if (GYRE_TEST_COUNTS_ALLOCATIONS == 0) return;
  run(drop_one_unawaited(), one_loop());
}
