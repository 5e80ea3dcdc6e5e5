// SPDX-License-Identifier: BSL-1.0
#pragma once
// Counts what goes to malloc by way of operator new, and lets it fail. Replaces the global operators: included by one source
// of a program. The sanitizers have operators of their own: there nothing is counted and nothing fails.
#include <gyre/base/config.hpp>

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>

#ifndef GYRE_TEST_COUNTS_ALLOCATIONS
#define GYRE_TEST_COUNTS_ALLOCATIONS 1
#endif

namespace gyre_test {

inline constexpr bool counts_allocations = GYRE_TEST_COUNTS_ALLOCATIONS != 0;

/// Counts while it lives; one at a time.
///
/// Thread:  the allocations of all threads count; only those of the thread that called fail_*() fail.
class allocation_counter {
 public:
  allocation_counter() noexcept {
    made_.store(0);
    counting_.store(true);
  }
  allocation_counter(const allocation_counter&) = delete;
  allocation_counter& operator=(const allocation_counter&) = delete;
  ~allocation_counter() {
    counting_.store(false);
    fail_next(0);
    fail_above(0);
  }

  [[nodiscard]] long count() const noexcept { return made_.load(); }

  /// The n-th allocation of this thread from now on fails; 0: none.
  static void fail_next(long n) noexcept { fail_at(n, false); }
  /// So do all after it.
  static void fail_from(long n) noexcept { fail_at(n, true); }
  /// Every allocation of this thread of `size` bytes or more fails; 0: none.
  static void fail_above(std::size_t size) noexcept {
    victim_.store(::pthread_self());
    too_large_.store(size);
  }
  /// Whether one has failed since fail_next().
  [[nodiscard]] static bool failed() noexcept { return countdown_.load() < 0; }

  static void note(std::size_t size) {
    if (!counting_.load(std::memory_order_relaxed)) return;
    made_.fetch_add(1, std::memory_order_relaxed);
    if (victim_.load() != ::pthread_self()) return;
    if (too_large_.load() != 0 && size >= too_large_.load()) throw std::bad_alloc();
    if (countdown_.load() > 0 && countdown_.fetch_sub(1) == 1) {
      countdown_.store(and_after_.load() ? 1 : -1);
      throw std::bad_alloc();
    }
  }

 private:
  static void fail_at(long n, bool and_after) noexcept {
    victim_.store(::pthread_self());
    and_after_.store(and_after);
    countdown_.store(n);
  }

  static inline constinit std::atomic<bool> counting_{false};
  static inline constinit std::atomic<long> made_{0};
  static inline constinit std::atomic<pthread_t> victim_{0};
  static inline constinit std::atomic<long> countdown_{0};
  static inline constinit std::atomic<bool> and_after_{false};
  static inline constinit std::atomic<std::size_t> too_large_{0};
};

}  // namespace gyre_test

#if GYRE_TEST_COUNTS_ALLOCATIONS
GYRE_NOINLINE void* operator new(std::size_t size) {
  gyre_test::allocation_counter::note(size);
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
GYRE_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment) {
  gyre_test::allocation_counter::note(size);
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* p = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return p;
  throw std::bad_alloc();
}
GYRE_NOINLINE void operator delete(void* p) noexcept { std::free(p); }
GYRE_NOINLINE void operator delete(void* p, std::size_t) noexcept { std::free(p); }
GYRE_NOINLINE void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
GYRE_NOINLINE void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
#endif
