// SPDX-License-Identifier: BSL-1.0
#pragma once
// A growing work-stealing deque: the owner works at the bottom, thieves take the oldest at the top.  Layer: base.
//
// Two queues of a worker are this one structure: fork-join children (owner pops the newest) and the ready ring (owner
// takes the oldest, as a thief would).   Source: Chase and Lev, SPAA 2005; Le, Pop, Cohen, Zappa Nardelli, PPoPP 2013.
#include <gyre/base/atomics.hpp>
#include <gyre/base/config.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace gyre::detail {

/// Holds pointers to T.
///
///   writers        top_: anybody who takes, by compare-exchange, upwards only.  bottom_: the owner.  array_: the owner.
///   invariant      the elements are [top_, bottom_); the cell of index i is written before bottom_ passes i.
///
///   owner push                         owner pop (newest)                     steal (oldest; any thread)
///   U1 cell = x, relaxed               O1 bottom_ = b - 1, release            T1 t = top_; bottom_ > t, or leave
///   U2 bottom_ = b + 1, release        light barrier                          heavy barrier
///                                      O2 t = top_                            T2 b = bottom_ > t, acquire, or leave
///                                      O3 t < b - 1: cell is ours             T3 x = cell
///                                      O4 t == b - 1: race for it on top_     T4 top_: t -> t + 1, release
///
///   take is steal without the barrier, for a deque whose owner never pops. take_half reads several cells in T3 and moves top_
///   past all of them in T4, where only another taker could have come in between.
///
/// Proof:  U2 publishes U1 to T2 (acquire). A pop without O4 needs that no thief can still win index b - 1. Such a thief has
///         read b - 1 in T1. If its barrier comes after O1, T2 sees O1, and leaves; or a later push to that index, and then
///         T3 reads that one. If it comes before O1, O2 sees what T1 saw, and the owner goes to O4. So the frequent side
///         pays nothing; a steal pays a system call, and only where there seems to be something to steal. No fences: the
///         sanitizers do not model them.
/// Orders: for the rest top_ is decided by its compare-exchanges, and nothing is read through it: they are relaxed, but for T4,
///         with which make_room() pairs: the cell is written anew after T3.
/// Growth: an outgrown array stays readable until the deque dies, because a thief may still be in T3; T4 of such a thief
///         fails unless the cell that it read is current. The new array is published with release before U2.
template <class T, class Atomics = std_atomics>
class steal_deque {
  template <class U>
  using atomic = typename Atomics::template atomic<U>;

 public:
  explicit steal_deque(std::int64_t capacity = 256) : array_(new cells(capacity, nullptr)) {
    work_on(*newest_array(), 0);
  }
  steal_deque(const steal_deque&) = delete;
  steal_deque& operator=(const steal_deque&) = delete;
  ~steal_deque() {
    for (cells* at = array_.load(std::memory_order_relaxed); at != nullptr;) delete std::exchange(at, at->outgrown);
  }

  /// Adds at the bottom. Owner only. Throws std::bad_alloc when it has to grow and cannot; then nothing has changed.
  void push(T* x) {
    const std::int64_t b = bottom_.load(std::memory_order_relaxed);  // ours
    if (b >= full_at_) make_room(b);
    put(b, x);
  }
  /// The same where no look at the top and no growth is needed; else false.
  [[nodiscard]] bool push_if_room(T* x) noexcept {
    const std::int64_t b = bottom_.load(std::memory_order_relaxed);
    if (b >= full_at_) [[unlikely]]
      return false;
    put(b, x);
    return true;
  }

  /// Takes the newest, or null. Owner only.
  [[nodiscard]] T* pop() noexcept {
    const std::int64_t b = bottom_.load(std::memory_order_relaxed) - 1;
    bottom_.store(b, std::memory_order_release);            // O1
    Atomics::light_barrier();                               // between O1 and O2
    std::int64_t t = top_.load(std::memory_order_relaxed);  // O2
    if (t < b) [[likely]]
      return mine(b).load(std::memory_order_relaxed);  // O3
    T* x = nullptr;
    if (t == b) {
      x = mine(b).load(std::memory_order_relaxed);
      if (!top_.compare_exchange_strong(t, t + 1, std::memory_order_relaxed, std::memory_order_relaxed))
        x = nullptr;  // O4
    }
    bottom_.store(b + 1, std::memory_order_relaxed);  // publishes nothing: top_ has passed the last one
    return x;
  }

  /// Takes the oldest, or null when empty. Any thread. A null is a moment's truth; losing a race is tried again.
  [[nodiscard]] T* steal() noexcept { return oldest<true>(); }

  /// The same for a deque that nobody pops from.
  [[nodiscard]] T* take() noexcept { return oldest<false>(); }

  /// Takes up to half of what is there, at least one, oldest first, for a deque that nobody pops from. Any thread. Returns how
  /// many; 0 when empty.
  template <std::size_t Most>
  [[nodiscard]] std::size_t take_half(std::array<T*, Most>& out) noexcept {
    for (;;) {
      std::int64_t t = top_.load(std::memory_order_relaxed);           // T1
      const std::int64_t b = bottom_.load(std::memory_order_acquire);  // T2, pairs with U2
      if (t >= b) return 0;
      const std::int64_t half = b - t > 2 ? (b - t) / 2 : 1;
      const std::int64_t n = half < std::int64_t{Most} ? half : std::int64_t{Most};
      cells* const a = array_.load(std::memory_order_acquire);
      for (std::int64_t i = 0; i < n; ++i) {
        out[static_cast<std::size_t>(i)] = a->at(t + i).load(std::memory_order_relaxed);  // T3, pairs with make_room
      }
      if (top_.compare_exchange_strong(t, t + n, std::memory_order_release, std::memory_order_relaxed)) {  // T4
        return static_cast<std::size_t>(n);
      }
    }
  }

  /// How many there seem to be. Exact for the owner when nobody steals; a hint otherwise, which misses nothing that was pushed
  /// before a barrier of the whole process, as in parking.
  [[nodiscard]] std::int64_t size() const noexcept {
    const std::int64_t t = top_.load(std::memory_order_relaxed);
    const std::int64_t b = bottom_.load(std::memory_order_relaxed);
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

  [[nodiscard]] cells* newest_array() const noexcept { return array_.load(std::memory_order_relaxed); }
  [[nodiscard]] atomic<T*>& mine(std::int64_t i) noexcept { return slots_[i & mask_]; }

  // The owner's own view of the array in use, in one line with bottom_.
  void work_on(cells& a, std::int64_t top) noexcept {
    slots_ = a.slots.get();
    mask_ = a.mask;
    full_at_ = top + a.mask + 1;
  }

  void put(std::int64_t b, T* x) noexcept {
    mine(b).store(x, std::memory_order_relaxed);      // U1
    bottom_.store(b + 1, std::memory_order_release);  // U2, pairs with T2
  }

  template <bool Popped>
  T* oldest() noexcept {
    for (;;) {
      std::int64_t t = top_.load(std::memory_order_relaxed);  // T1
      if constexpr (Popped) {
        if (t >= bottom_.load(std::memory_order_relaxed)) return nullptr;
        Atomics::heavy_barrier();  // between T1 and T2
      }
      const std::int64_t b = bottom_.load(std::memory_order_acquire);  // T2, pairs with U2
      if (t >= b) return nullptr;
      T* x = array_.load(std::memory_order_acquire)->at(t).load(std::memory_order_relaxed);  // T3, pairs with make_room
      if (top_.compare_exchange_strong(t, t + 1, std::memory_order_release, std::memory_order_relaxed)) return x;  // T4
    }
  }

  GYRE_NOINLINE void make_room(std::int64_t b) {
    const std::int64_t top = top_.load(std::memory_order_acquire);  // pairs with T4
    cells* a = newest_array();
    if (b - top > a->mask) {
      auto* larger = new cells((a->mask + 1) * 2, a);
      for (std::int64_t i = top; i < b; ++i) {
        larger->at(i).store(a->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
      }
      array_.store(larger, std::memory_order_release);  // pairs with T3
      a = larger;
    }
    work_on(*a, top);
  }

  alignas(cache_line) atomic<std::int64_t> top_{0};
  alignas(cache_line) atomic<std::int64_t> bottom_{0};
  std::int64_t full_at_;  // where bottom_ may not pass: by the owner's last look at top_, which only grows
  std::int64_t mask_;
  atomic<T*>* slots_;
  atomic<cells*> array_;
};

}  // namespace gyre::detail
