// SPDX-License-Identifier: BSL-1.0
#pragma once
// Wakes and messages between loops: an intrusive list that any thread pushes to and that cannot fail.  Layer: loop.
// Model: tests/model/message_list_model.cpp
#include <gyre/base/atomics.hpp>
#include <gyre/core/runnable.hpp>

#include <utility>

namespace gyre::detail {

/// Many push, anybody takes everything at once: no element is ever taken singly, so there is no ABA.
///
///   top_   push: link below, then exchange by compare-exchange, seq_cst (the release publishes the element; the single
///          order is the parking handshake's, see loop_core.hpp).  take_all: exchange with null, acquire.
template <class Atomics = std_atomics>
class basic_message_list {
 public:
  /// Adds an entry that is in no queue.
  void push(runnable& r) noexcept {
    runnable* top = top_.load(std::memory_order_relaxed);
    do {
      r.below_ = top;
    } while (!top_.compare_exchange_weak(top, &r, std::memory_order_seq_cst, std::memory_order_relaxed));
  }

  [[nodiscard]] bool empty() const noexcept { return top_.load(std::memory_order_seq_cst) == nullptr; }

  /// Calls take(entry) for all entries, oldest first.
  template <class Take>
  bool take_all(Take&& take) {
    if (top_.load(std::memory_order_relaxed) == nullptr) return false;
    runnable* newest = top_.exchange(nullptr, std::memory_order_acquire);
    runnable* oldest = nullptr;
    while (newest != nullptr) {
      runnable* below = std::exchange(newest->below_, oldest);
      oldest = std::exchange(newest, below);
    }
    const bool any = oldest != nullptr;
    while (oldest != nullptr) take(*std::exchange(oldest, oldest->below_));
    return any;
  }

  /// Forgets what is there, without touching it: its owners are gone.
  void forget() noexcept { top_.store(nullptr, std::memory_order_relaxed); }

 private:
  typename Atomics::template atomic<runnable*> top_{nullptr};
};

using message_list = basic_message_list<>;

}  // namespace gyre::detail
