// SPDX-License-Identifier: BSL-1.0
#pragma once
// Who sleeps, who searches, whom to wake.  Layer: runtime.
#include "../loop/loop_core.hpp"

#include <gyre/base/membarrier.hpp>
#include <gyre/base/spin_lock.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace gyre::detail {

/// The idle word and the stack of sleepers.
///
///   word_     counts of sleepers, searchers and awake workers (idle_bits); written under lock_, read by anybody who has
///             new work: one plain load decides that nobody needs to be told.
///
///   worker with new work                      worker going to sleep
///   N1 push, release                          P1 under lock_: a sleeper more; word_ = ..., seq_cst
///   N2 light barrier                          P2 heavy barrier (membarrier)
///   N3 word_: sleepers and no searcher?       P3 look at every queue of every worker
///   N4 under lock_: wake the last sleeper     P4 nothing: sleep
///
/// Proof:   if P3 misses the push N1, then N1 reached memory after P2's barrier on that thread, so N3, after N1, reads P1's
///          word or a later one; it sees the sleeper, and wakes one unless another searches already. A searcher either
///          finds the work, or goes through P1 to P4 itself and finds it in P3; when the last searcher finds work it calls
///          N4 again, so that one wake-up at a time spreads as long as there is work.
/// Why a lock: falling asleep costs microseconds anyway, and counts and stack cannot drift apart under it. N3 does not take
///          it, so pushing stays free while all are busy.
class parking {
 public:
  static constexpr unsigned capacity = 255;

  explicit parking(unsigned workers) noexcept : workers_(workers) { publish(); }

  [[nodiscard]] const std::atomic<std::uint64_t>& word() const noexcept { return word_; }

  /// P1 and P2. Returns whether others are still awake.
  bool sleep(loop_core& l) noexcept;
  /// The worker is awake again. True if nobody was.
  bool awake(loop_core& l) noexcept;
  /// N4: somebody to wake, taken off the stack and counted as a searcher; null if there is no need.
  [[nodiscard]] loop_core* take_sleeper() noexcept;
  /// The worker searches no more, because it found work. True if it was the last searcher.
  bool found_work(loop_core& l) noexcept;
  /// Some sleeper, which stays asleep; null if there is none.
  [[nodiscard]] loop_core* any_sleeper() noexcept;

 private:
  void publish() noexcept;

  std::atomic<std::uint64_t> word_{0};
  spin_lock lock_;
  unsigned workers_;
  unsigned sleeping_ = 0;
  unsigned searching_ = 0;
  std::array<loop_core*, capacity> sleepers_{};
};

}  // namespace gyre::detail
