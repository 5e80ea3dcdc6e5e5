// SPDX-License-Identifier: BSL-1.0
#pragma once
// A one-byte lock for critical sections of a few instructions.  Layer: base.  Bodies: lib/base/spin_lock.cpp
#include <atomic>

namespace gyre::detail {

/// Guards sections that neither call user code nor allocate nor block.
///
/// Cost:    one exchange to take it, one store to free it; contended, it yields the processor after a short spin, so
///          that a preempted holder is not waited for by burning its core.
class spin_lock {
 public:
  spin_lock() noexcept = default;
  spin_lock(const spin_lock&) = delete;
  spin_lock& operator=(const spin_lock&) = delete;

  void lock() noexcept {
    if (held_.exchange(true, std::memory_order_acquire)) wait();  // pairs with unlock()
  }
  [[nodiscard]] bool try_lock() noexcept {
    return !held_.load(std::memory_order_relaxed) && !held_.exchange(true, std::memory_order_acquire);
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  void wait() noexcept;

  std::atomic<bool> held_{false};
};

}  // namespace gyre::detail
