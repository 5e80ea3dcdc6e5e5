// SPDX-License-Identifier: BSL-1.0
#pragma once
// Which sleeper looks after workers that are stuck in user code.  Layer: runtime.   Model: tests/model/watch_role_model.cpp
#include <gyre/base/atomics.hpp>
#include <gyre/base/relax.hpp>

namespace gyre::detail {

/// At most one worker has the role, and only a sleeper, or one that is about to wake up.
///
///   worker that starts to run something      the sleeper that it chose, when it wakes up
///   A1 holder_ = chosen, seq_cst             B1 its sleep mark = false, seq_cst
///   A2 the alarm of `chosen`                 B2 holder_, seq_cst: itself -> null
///   A3 sleep mark of `chosen`, seq_cst:
///      awake -> takes the role back
///
/// Proof:  in the single order A3 comes after B1, or B2 comes after A1. So the role never stays with a worker that is awake.
template <class Worker, class Atomics = std_atomics>
class basic_watch_role {
 public:
  /// A worker that falls asleep while others are awake. True if it has the role: it may have been chosen meanwhile.
  [[nodiscard]] bool take(Worker& l) noexcept {
    Worker* none = nullptr;
    return held_by(l) ||
           holder_.compare_exchange_strong(none, &l, std::memory_order_acquire, std::memory_order_relaxed);
  }
  [[nodiscard]] bool held_by(const Worker& l) const noexcept { return holder_.load(std::memory_order_acquire) == &l; }

  void give_up(Worker& l) noexcept {  // B2
    if (holder_.load(std::memory_order_seq_cst) != &l) return;
    Worker* mine = &l;  // fails if it was taken back already
    holder_.compare_exchange_strong(mine, nullptr, std::memory_order_release, std::memory_order_relaxed);
  }

  /// Gives it to a sleeper if nobody has it; waits for one that is waking up to leave the list of sleepers.
  template <class AnySleeper, class SetAlarm>
  void assign(AnySleeper&& any_sleeper, SetAlarm&& set_alarm) noexcept {
    for (backoff pause; holder_.load(std::memory_order_relaxed) == nullptr; pause.once()) {
      Worker* chosen = any_sleeper();
      Worker* none = nullptr;
      if (chosen == nullptr ||
          !holder_.compare_exchange_strong(none, chosen, std::memory_order_seq_cst, std::memory_order_relaxed)) {  // A1
        return;
      }
      set_alarm(*chosen);              // A2
      if (chosen->sleeping()) return;  // A3
      holder_.compare_exchange_strong(chosen, nullptr, std::memory_order_release, std::memory_order_relaxed);
    }
  }

 private:
  typename Atomics::template atomic<Worker*> holder_{nullptr};
};

}  // namespace gyre::detail
