// SPDX-License-Identifier: BSL-1.0
#pragma once
// Who sleeps, who searches, whom to wake.  Layer: runtime.   Model: tests/model/parking_model.cpp
#include <gyre/base/assert.hpp>
#include <gyre/base/atomics.hpp>
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/current.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <utility>

namespace gyre::detail {

class loop_core;

/// The idle word and the stack of sleepers.
///
///   word_     counts of sleepers, searchers and awake workers (idle_bits); written under lock_, read by anybody who has
///             new work: one plain load decides that nobody needs to be told.
///
///   worker with new work                      worker going to sleep
///   N1 push, release                          P1 under lock_: a sleeper more; word_ = ...
///   N2 light barrier                          P2 heavy barrier (membarrier)
///   N3 word_: sleepers and no searcher?       P3 look at every queue of every worker
///   N4 under lock_: wake the last sleeper     P4 nothing: sleep
///
/// Proof:   if P3 misses the push N1, then N1 reached memory after P2's barrier on that thread, so N3, after N1, reads P1's
///          word or a later one; it sees the sleeper, and wakes one unless another searches already. A searcher either
///          finds the work, or goes through P1 to P4 itself and finds it in P3; when the last searcher finds work it looks
///          at every queue after a barrier, as in P2 and P3, and calls N4 if there is more, so that one wake-up at a time
///          spreads as long as there is work. One that sees the work only in P3 searches on, so it does that too: pushes
///          that came while it searched have told nobody.
/// Why a lock: falling asleep costs microseconds anyway, and counts and stack cannot drift apart under it. N3 does not take
///          it, so pushing stays free while all are busy.
///
/// N2 and N3 are idle_bits::wants_work_after_push. A Worker has a member `bool searching` for this class.
template <class Worker, class Atomics = std_atomics>
class basic_parking {
 public:
  using word_type = typename Atomics::template atomic<std::uint64_t>;
  static constexpr unsigned capacity = 255;

  explicit basic_parking(unsigned workers) noexcept : workers_(workers) { publish(); }

  [[nodiscard]] const word_type& word() const noexcept { return word_; }

  /// P1 and P2. Returns whether others are still awake.
  bool sleep(Worker& l) noexcept;
  /// The worker is awake again. `searches_on`: it never slept, since it saw work in P3.
  void awake(Worker& l, bool searches_on) noexcept;
  /// N4: somebody to wake, taken off the stack and counted as a searcher; null if there is no need.
  [[nodiscard]] Worker* take_sleeper() noexcept;
  /// A worker that is awake looks for work, unless another does. It has to be counted out by found_work() or sleep().
  [[nodiscard]] bool begin_search(Worker& l) noexcept;
  /// The worker searches no more, because it found work. True if nobody else does and somebody sleeps: then it looks at every
  /// queue, and calls N4 if there is more.
  bool found_work(Worker& l) noexcept;
  /// Some sleeper, which stays asleep; null if there is none.
  [[nodiscard]] Worker* any_sleeper() noexcept;

 private:
  void publish() noexcept;

  word_type word_{0};
  basic_spin_lock<Atomics> lock_;
  unsigned workers_;
  unsigned sleeping_ = 0;
  unsigned searching_ = 0;
  std::array<Worker*, capacity> sleepers_{};
};

using parking = basic_parking<loop_core>;

template <class W, class A>
void basic_parking<W, A>::publish() noexcept {
  GYRE_ASSERT(sleeping_ <= workers_ && searching_ <= workers_ - sleeping_, "the counts of idle workers do not add up");
  word_.store(sleeping_ | searching_ * idle_bits::one_searching | (workers_ - sleeping_) * idle_bits::one_unparked,
              std::memory_order_relaxed);  // P2 orders it for P1; elsewhere a reader may see it late
}

template <class W, class A>
bool basic_parking<W, A>::sleep(W& l) noexcept {
  bool others = false;
  {
    const std::lock_guard hold(lock_);
    if (std::exchange(l.searching, false)) --searching_;
    sleepers_[sleeping_++] = &l;
    publish();  // P1
    others = sleeping_ < workers_;
  }
  A::heavy_barrier();  // P2
  return others;
}

template <class W, class A>
void basic_parking<W, A>::awake(W& l, bool searches_on) noexcept {
  const std::lock_guard hold(lock_);
  const auto end = sleepers_.begin() + sleeping_;
  const auto found = std::find(sleepers_.begin(), end, &l);
  if (found == end) return;  // taken by a waker, who counted
  std::copy(found + 1, end, found);
  --sleeping_;
  if (searches_on) {
    l.searching = true;
    ++searching_;
  }
  publish();
}

template <class W, class A>
W* basic_parking<W, A>::take_sleeper() noexcept {
  const std::lock_guard hold(lock_);
  if (sleeping_ == 0 || searching_ != 0) return nullptr;
  W* l = sleepers_[--sleeping_];
  l->searching = true;
  ++searching_;
  publish();
  return l;
}

template <class W, class A>
bool basic_parking<W, A>::begin_search(W& l) noexcept {
  const std::lock_guard hold(lock_);
  if (l.searching || searching_ != 0) return l.searching;
  l.searching = true;
  ++searching_;
  publish();
  return true;
}

template <class W, class A>
bool basic_parking<W, A>::found_work(W& l) noexcept {
  {
    const std::lock_guard hold(lock_);
    if (!std::exchange(l.searching, false)) return false;
    --searching_;
    publish();
    if (searching_ != 0 || sleeping_ == 0) return false;
  }
  A::heavy_barrier();  // as P2: against pushes that saw a searcher
  return true;
}

template <class W, class A>
W* basic_parking<W, A>::any_sleeper() noexcept {
  const std::lock_guard hold(lock_);
  return sleeping_ == 0 ? nullptr : sleepers_[sleeping_ - 1];
}

}  // namespace gyre::detail
