// SPDX-License-Identifier: BSL-1.0
#pragma once
// A turn in some loop's ring, for an owner who may go before it comes.  Layer: flow.  Model: tests/model/lifetime_model.cpp
#include <gyre/base/atomics.hpp>
#include <gyre/base/relax.hpp>

#include <cstdint>

namespace gyre::detail {

/// waiting -> under way -> over; or waiting -> over, when the owner calls it off.
///
/// What is done in the turn goes on without a lock. end() is its last touch of the owner, and call_off() waits for it.
template <class Atomics = std_atomics>
class basic_turn {
 public:
  /// True if the owner still wants it: end() must follow.   Thread: the loop's.
  [[nodiscard]] bool begin() noexcept {
    stage expected = waiting;  // relaxed: nothing is read but what was there before the turn could begin
    return at_.compare_exchange_strong(expected, under_way, std::memory_order_relaxed, std::memory_order_relaxed);
  }
  void end() noexcept { at_.store(over, std::memory_order_release); }  // pairs with call_off()

  /// It does not begin after this. If it has begun, it has ended, and what it did is seen.   Thread: the owner's.
  void call_off() noexcept {
    stage expected = waiting;
    if (at_.compare_exchange_strong(expected, over, std::memory_order_relaxed, std::memory_order_relaxed)) return;
    for (backoff pause; at_.load(std::memory_order_acquire) == under_way;) pause.once();
  }

 private:
  enum stage : std::uint8_t { waiting, under_way, over };
  typename Atomics::template atomic<stage> at_{waiting};
};

}  // namespace gyre::detail
