// SPDX-License-Identifier: BSL-1.0
#pragma once
// What threads outside the runtime send to a loop: a moodycamel queue and a count that makes its emptiness exact.
// Layer: loop.   Model: tests/model/foreign_inbox_model.cpp
#include <concurrentqueue/concurrentqueue.h>
#include <gyre/base/atomics.hpp>
#include <gyre/core/runnable.hpp>

#include <cstdint>
#include <new>
#include <span>

namespace gyre::detail {

/// First in, first out per sending thread, for each taker.
///
///   any thread                               any taker
///   P1 queue_.enqueue(entries)               T1 count_: n -> n - 1 if n > 0
///   P2 count_ += entries, seq_cst            T2 queue_.try_dequeue until it gives one
///
/// Invariant: count_ never exceeds the finished enqueues less the takers past T1, so T2's entry is there, however the
///            queue may look to a consumer while a producer is between two of its steps. T1 orders nothing: T2 tries until
///            it sees the entry, and acquires it from the queue. P2 is the parking handshake's push (W1).
template <class Queue, class Atomics = std_atomics>
class basic_foreign_inbox {
 public:
  /// Throws std::bad_alloc; then nothing was sent.
  void push(std::span<runnable* const> entries) {
    const bool sent = entries.size() == 1 ? queue_.enqueue(entries.front())
                                          : queue_.enqueue_bulk(entries.data(), entries.size());  // P1
    if (!sent) throw std::bad_alloc();
    count_.fetch_add(static_cast<std::uint32_t>(entries.size()), std::memory_order_seq_cst);  // P2
  }

  [[nodiscard]] bool empty() const noexcept { return count_.load(std::memory_order_seq_cst) == 0; }

  /// One entry, or null.   Thread: any.
  [[nodiscard]] runnable* take() noexcept {
    std::uint32_t n = count_.load(std::memory_order_relaxed);
    do {
      if (n == 0) return nullptr;
    } while (!count_.compare_exchange_weak(n, n - 1, std::memory_order_relaxed, std::memory_order_relaxed));  // T1
    runnable* r = nullptr;
    while (!queue_.try_dequeue(r)) {  // T2
    }
    return r;
  }

 private:
  Queue queue_;
  typename Atomics::template atomic<std::uint32_t> count_{0};
};

using foreign_inbox = basic_foreign_inbox<moodycamel::ConcurrentQueue<runnable*>>;

}  // namespace gyre::detail
