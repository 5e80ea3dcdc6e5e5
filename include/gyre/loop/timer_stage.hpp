// SPDX-License-Identifier: BSL-1.0
#pragma once
// What becomes of a timer's node, and when its owner may let it go.  Layer: loop.   Model: tests/model/lifetime_model.cpp
#include <gyre/base/atomics.hpp>
#include <gyre/base/relax.hpp>

#include <cstdint>

namespace gyre::detail {

/// idle -> armed -> idle (taken back) | queued (due, goes through its loop's ring) | firing -> fired
///
/// The first transitions are made under the heap's lock. A firing ends without it, on the thread that found the node due:
/// end_firing() is the last touch of that thread, and settle() waits for it, so that the owner may go afterwards.
template <class Atomics = std_atomics>
class basic_timer_stage {
 public:
  // Under the heap's lock, which orders them.
  [[nodiscard]] bool is_armed() const noexcept { return at_.load(std::memory_order_relaxed) == armed; }
  void arm() noexcept { at_.store(armed, std::memory_order_relaxed); }
  void take_back() noexcept { at_.store(idle, std::memory_order_relaxed); }
  void begin_firing() noexcept { at_.store(firing, std::memory_order_relaxed); }

  /// Under the heap's lock, or for a node that is in no heap.   Thread: the loop's.
  void queue() noexcept { at_.store(queued, std::memory_order_relaxed); }

  void end_firing() noexcept { at_.store(fired, std::memory_order_release); }  // pairs with settle()

  /// Waits until nobody fires it. True if it was queued: it may still be in a ring.
  [[nodiscard]] bool settle() noexcept {
    for (backoff pause; at_.load(std::memory_order_acquire) == firing;) pause.once();
    return at_.exchange(idle, std::memory_order_relaxed) == queued;
  }

 private:
  enum stage : std::uint8_t { idle, armed, queued, firing, fired };
  typename Atomics::template atomic<stage> at_{idle};
};

}  // namespace gyre::detail
