// SPDX-License-Identifier: BSL-1.0
#pragma once
// A growing work-stealing deque: the owner works at the bottom, thieves take the oldest at the top.  Layer: base.
//
// Two queues of a worker are this one structure: fork-join children (owner pops the newest) and the ready ring (owner
// takes the oldest, as a thief would).   Source: Chase and Lev, SPAA 2005; Le, Pop, Cohen, Zappa Nardelli, PPoPP 2013.
#include <gyre/base/atomics.hpp>
#include <gyre/base/config.hpp>

#include <bit>
#include <cstdint>
#include <memory>
#include <utility>

namespace gyre::detail {

/// Holds pointers to T.
///
///   writers        top_: anybody who takes, by compare-exchange, upwards only.  bottom_: the owner.  array_: the owner.
///   invariant      the elements are [top_, bottom_); the cell of index i is written before bottom_ passes i.
///
///   owner push                         owner pop (newest)                     take (oldest; owner or thief)
///   U1 cell = x, relaxed               O1 bottom_ = b - 1, seq_cst exchange   T1 t = top_, seq_cst
///   U2 bottom_ = b + 1, release        O2 t = top_, seq_cst                   T2 b = bottom_, seq_cst
///                                      O3 t < b - 1: cell is ours             T3 x = cell
///                                      O4 t == b - 1: race for it on top_     T4 top_: t -> t + 1, seq_cst
///
/// Proof:  U2 publishes U1 to T2 (acquire). A pop without O4 needs that no thief can still win index b - 1: a thief that
///         read an old bottom_ in T2 precedes O1 in the single order of seq_cst operations, so its T1 read a top_ that
///         O2 reads too or a smaller one, and by O3 there is an older index that it goes for instead. No fences: the
///         sanitizers do not model them, and clang's cost more than the exchange.
/// Growth: an outgrown array stays readable until the deque dies, because a thief may still be in T3; T4 of such a thief
///         fails unless the cell that it read is current. The new array is published with release before U2.
template <class T, class Atomics = std_atomics>
class steal_deque {
  template <class U>
  using atomic = typename Atomics::template atomic<U>;

 public:
  explicit steal_deque(std::int64_t capacity = 256) : array_(new cells(capacity, nullptr)) {}
  steal_deque(const steal_deque&) = delete;
  steal_deque& operator=(const steal_deque&) = delete;
  ~steal_deque() {
    for (cells* at = array_.load(std::memory_order_relaxed); at != nullptr;) delete std::exchange(at, at->outgrown);
  }

  /// Adds at the bottom. Owner only. Throws std::bad_alloc when it has to grow and cannot; then nothing has changed.
  void push(T* x) {
    const std::int64_t b = bottom_.load(std::memory_order_relaxed);  // ours
    cells* a = array_.load(std::memory_order_relaxed);               // ours
    if (b - cached_top_ > a->mask) a = make_room(b, a);
    a->at(b).store(x, std::memory_order_relaxed);        // U1
    bottom_.store(b + 1, std::memory_order_release);     // U2, pairs with T2
  }

  /// Takes the newest, or null. Owner only.
  [[nodiscard]] T* pop() noexcept {
    const std::int64_t b = bottom_.load(std::memory_order_relaxed) - 1;
    bottom_.exchange(b, std::memory_order_seq_cst);                   // O1
    std::int64_t t = top_.load(std::memory_order_seq_cst);            // O2
    cells* a = array_.load(std::memory_order_relaxed);
    if (t < b) [[likely]] return a->at(b).load(std::memory_order_relaxed);  // O3
    T* x = nullptr;
    if (t == b) {
      x = a->at(b).load(std::memory_order_relaxed);
      if (!top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) x = nullptr;  // O4
    }
    bottom_.store(b + 1, std::memory_order_release);
    return x;
  }

  /// Takes the oldest, or null when empty. Any thread. A null is a moment's truth; losing a race is tried again.
  [[nodiscard]] T* take() noexcept {
    for (;;) {
      std::int64_t t = top_.load(std::memory_order_seq_cst);           // T1
      const std::int64_t b = bottom_.load(std::memory_order_seq_cst);  // T2, pairs with U2
      if (t >= b) return nullptr;
      T* x = array_.load(std::memory_order_acquire)->at(t).load(std::memory_order_relaxed);  // T3, pairs with make_room
      if (top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) return x;  // T4
    }
  }

  /// How many there seem to be. Exact for the owner when nobody steals; a hint otherwise.
  [[nodiscard]] std::int64_t size() const noexcept {
    const std::int64_t t = top_.load(std::memory_order_seq_cst);
    const std::int64_t b = bottom_.load(std::memory_order_seq_cst);
    return b > t ? b - t : 0;
  }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

 private:
  struct cells {
    cells(std::int64_t capacity, cells* old)
        : mask(capacity - 1), outgrown(old), slots(new atomic<T*>[static_cast<std::size_t>(capacity)]) {}
    atomic<T*>& at(std::int64_t i) noexcept { return slots[static_cast<std::size_t>(i & mask)]; }

    std::int64_t mask;
    cells* outgrown;
    std::unique_ptr<atomic<T*>[]> slots;
  };

  GYRE_NOINLINE cells* make_room(std::int64_t b, cells* a) {
    cached_top_ = top_.load(std::memory_order_acquire);
    if (b - cached_top_ <= a->mask) return a;
    auto* larger = new cells((a->mask + 1) * 2, a);
    for (std::int64_t i = cached_top_; i < b; ++i) {
      larger->at(i).store(a->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    array_.store(larger, std::memory_order_release);  // pairs with T3
    return larger;
  }

  alignas(cache_line) atomic<std::int64_t> top_{0};
  alignas(cache_line) atomic<std::int64_t> bottom_{0};
  std::int64_t cached_top_ = 0;  // the owner's last look at top_: a lower bound, so fullness is never missed
  atomic<cells*> array_;
};

}  // namespace gyre::detail
