// SPDX-License-Identifier: BSL-1.0
#pragma once
// What an Asio operation still waits for.  Layer: io.   Model: tests/model/lifetime_model.cpp
#include <gyre/base/atomics.hpp>

#include <cstdint>

namespace gyre::detail {

/// What has to happen before a task that waits for an operation may go on: its handler, and the message that carries a
/// cancel to the reactor's loop, if one was sent. Whoever ends the last part wakes the task.
template <class Atomics = std_atomics>
class basic_open_parts {
 public:
  /// One part more, unless all have ended: then false. Whatever the part is for is ordered by how it is sent.
  [[nodiscard]] bool add() noexcept {
    std::uint32_t open = open_.load(std::memory_order_relaxed);
    do {
      if (open == 0) return false;
    } while (!open_.compare_exchange_weak(open, open + 1, std::memory_order_relaxed, std::memory_order_relaxed));
    return true;
  }
  /// True for the last: what was written before the ends of the others is seen then.
  [[nodiscard]] bool end() noexcept { return open_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  /// Inside the lock of the io_context, where the handler runs, too.
  [[nodiscard]] bool any() const noexcept { return open_.load(std::memory_order_relaxed) != 0; }
  /// For the message: whether the handler has not run yet.
  [[nodiscard]] bool any_but_one() const noexcept { return open_.load(std::memory_order_acquire) > 1; }

 private:
  typename Atomics::template atomic<std::uint32_t> open_{1};
};

}  // namespace gyre::detail
