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
///   any thread with a message for anybody     searcher that found work, and is the last
///   M1 push to an inbox, seq_cst RMW          F1 under lock_: counted out; word_ = ..., seq_cst RMW
///   M2 light barrier                          F2 if a push was noted: heavy barrier, look at every queue
///   M3 word_, seq_cst: as N3                  F3 else look at every inbox
///   M4 as N4                                  F4 there is more than it runs now: as N4
///
/// Proof:   if P3 misses the push N1, then N1 reached memory after P2's barrier on that thread, so N3, after N1, reads P1's
///          word or a later one; it sees the sleeper, and wakes one unless another searches already. A searcher either
///          finds the work, or goes through P1 to P4 itself and finds it in P3, and then searches on. One that finds work
///          looks for what was pushed while it searched, since that has told nobody; so wake-ups spread one at a time as long
///          as there is work. A push N1 that sees a searcher is noted in the word, under lock_ (N4), by the first that
///          finds none noted: so what F2 does not know of saw F1's word. One that finds it noted before F1 reached memory
///          before F2's barrier, or comes after it and sees F1's word. M1 and F1 are in one order: M3 reads F1's word, or F3
///          sees M1.
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
  /// N4: somebody to wake, taken off the stack and counted as a searcher; null if there is no need. While one searches, notes
  /// the push.
  [[nodiscard]] Worker* take_sleeper() noexcept;
  /// A worker that is awake looks for work, unless another does. It has to be counted out by found_work() or sleep().
  [[nodiscard]] bool begin_search(Worker& l) noexcept;
  /// F1: the worker searches no more, because it found work. What it has to look at before it runs that.
  enum class look { none, inboxes, everything };
  [[nodiscard]] look found_work(Worker& l) noexcept;
  /// Some sleeper, which stays asleep; null if there is none.
  [[nodiscard]] Worker* any_sleeper() noexcept;

 private:
  [[nodiscard]] std::uint64_t counts() const noexcept;
  void publish() noexcept {
    word_.store(counts(), std::memory_order_relaxed);
  }  // P2 orders it for P1; else it may be late

  word_type word_{0};
  basic_spin_lock<Atomics> lock_;
  unsigned workers_;
  unsigned sleeping_ = 0;
  unsigned searching_ = 0;
  bool noted_ = false;  // a push saw a searcher; until one that found work has looked
  std::array<Worker*, capacity> sleepers_{};
};

using parking = basic_parking<loop_core>;

template <class W, class A>
std::uint64_t basic_parking<W, A>::counts() const noexcept {
  GYRE_ASSERT(sleeping_ <= workers_ && searching_ <= workers_ - sleeping_, "the counts of idle workers do not add up");
  return sleeping_ | searching_ * idle_bits::one_searching | (workers_ - sleeping_) * idle_bits::one_unparked |
         (noted_ ? idle_bits::noted : std::uint64_t{0});
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
  if (sleeping_ == 0) return nullptr;
  if (searching_ != 0) {
    noted_ = true;
    publish();
    return nullptr;
  }
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
auto basic_parking<W, A>::found_work(W& l) noexcept -> look {
  {
    const std::lock_guard hold(lock_);
    if (!std::exchange(l.searching, false)) return look::none;
    --searching_;
    const bool last = searching_ == 0 && sleeping_ != 0;
    const bool pushed = last && std::exchange(noted_, false);
    word_.exchange(counts(), std::memory_order_seq_cst);  // F1
    if (!pushed) return last ? look::inboxes : look::none;
  }
  A::heavy_barrier();  // F2
  return look::everything;
}

template <class W, class A>
W* basic_parking<W, A>::any_sleeper() noexcept {
  const std::lock_guard hold(lock_);
  return sleeping_ == 0 ? nullptr : sleepers_[sleeping_ - 1];
}

}  // namespace gyre::detail
