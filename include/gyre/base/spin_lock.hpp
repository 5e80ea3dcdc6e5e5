// SPDX-License-Identifier: BSL-1.0
#pragma once
// A one-byte lock for critical sections of a few instructions.  Layer: base.
#include <gyre/base/atomics.hpp>
#include <gyre/base/config.hpp>
#include <gyre/base/relax.hpp>

namespace gyre::detail {

/// Guards sections that neither call user code nor allocate nor block.
///
/// Cost:    one exchange to take it, one store to free it; contended, it yields the processor after a short spin, so
///          that a preempted holder is not waited for by burning its core.
template <class Atomics = std_atomics>
class basic_spin_lock {
 public:
  basic_spin_lock() noexcept = default;
  basic_spin_lock(const basic_spin_lock&) = delete;
  basic_spin_lock& operator=(const basic_spin_lock&) = delete;

  void lock() noexcept {
    if (held_.exchange(true, std::memory_order_acquire)) wait();  // pairs with unlock()
  }
  [[nodiscard]] bool try_lock() noexcept {
    return !held_.load(std::memory_order_relaxed) && !held_.exchange(true, std::memory_order_acquire);
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }
  /// Whether somebody holds it. If not, what its last holder did is seen, of whom the caller knows that it began.
  [[nodiscard]] bool is_held() const noexcept { return held_.load(std::memory_order_acquire); }

 private:
  GYRE_NOINLINE void wait() noexcept {
    standing_aside pause;
    do {
      while (held_.load(std::memory_order_relaxed)) pause.once();
    } while (held_.exchange(true, std::memory_order_acquire));
  }

  typename Atomics::template atomic<bool> held_{false};
};

using spin_lock = basic_spin_lock<>;
extern template class basic_spin_lock<std_atomics>;  // lib/base/spin_lock.cpp

}  // namespace gyre::detail
