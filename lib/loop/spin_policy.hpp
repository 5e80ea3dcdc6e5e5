// SPDX-License-Identifier: BSL-1.0
#pragma once
// Whether it pays to look around for a while before falling asleep, and how.  Layer: loop.
#include <gyre/base/clock.hpp>

#include <sched.h>

#include <algorithm>
#include <cstdint>

namespace gyre::detail {

/// A thread spins only where the last times that it had nothing to do were short and ended by a message of another thread: who
/// answers at once finds it awake, and a thread that has waited long goes to sleep at once, so that an idle runtime burns
/// nothing. Times in nanoseconds; `window` is how long to spin at most.
///
/// The core is given away between two looks: the one that there will be something from may need it. On a core that somebody
/// else computes on that costs a time slice, where a sleeper would be woken at once. Then as many waits go without a spin as
/// cost together, in wake-ups, what was lost, and besides twice as many as the last time.
class spin_policy {
 public:
  /// After each turn of a loop: whether it did anything, and whether that came from another thread. `now` is asked only where
  /// work ends or begins.
  template <class Now>
  void after_turn(bool worked, bool by_message, std::int64_t window, Now&& now) noexcept {
    if (worked != idle_) return;
    idle_ = !worked;
    if (idle_) {
      idle_since_ = now();
    } else {
      waited(by_message ? now() - idle_since_ : never, window);
    }
  }
  /// It had nothing to do for that long. A wait that ended by a wake-up took as long as that more: so twice the window is
  /// still short.
  void waited(std::int64_t time, std::int64_t window) noexcept {
    credit_ = time <= 2 * window ? std::min(credit_ + 1, most_credit) : 0;
  }

  /// Asked once before each wait.
  [[nodiscard]] bool pays() noexcept {
    if (credit_ == 0) return false;
    if (left_out_ == 0) return true;
    --left_out_;
    return false;
  }

  /// Gives the core away and looks, until `found()` or until `end`. Whether it was found.
  template <class Now, class Found>
  [[nodiscard]] bool spin(std::int64_t end, std::int64_t window, Now&& now, Found&& found) {
    for (std::int64_t before = now(); before < end;) {
      ::sched_yield();
      const bool there = found();
      const std::int64_t time = now();
      if (time - before > window) {
        robbed(time - before);
        return there;
      }
      if (there) {
        won();
        return true;
      }
      before = time;
    }
    lost();
    return false;
  }

  /// It has spun in vain.
  void lost() noexcept { credit_ = std::max(credit_ - 1, 0); }
  /// The core that it gave away came back so late.
  void robbed(std::int64_t lost) noexcept {
    credit_ = 0;
    const std::int64_t in_wake_ups = 1 + lost / wake_up;
    to_leave_out_ = static_cast<int>(std::min(2 * to_leave_out_ + in_wake_ups, most_left_out));
    left_out_ = to_leave_out_;
  }
  void won() noexcept { to_leave_out_ -= (to_leave_out_ + 7) / 8; }

 private:
  static constexpr int most_credit = 4;
  static constexpr std::int64_t most_left_out = 4095;
  // ns, what one costs where cores are scarce: two switches, and the queue
  static constexpr std::int64_t wake_up = 40'000;

  std::int64_t idle_since_ = 0;
  bool idle_ = false;
  int credit_ = 0;
  int left_out_ = 0;      // waits that still go without a spin
  int to_leave_out_ = 0;  // after the last time that the core came back late
};

}  // namespace gyre::detail
