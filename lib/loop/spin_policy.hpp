// SPDX-License-Identifier: BSL-1.0
#pragma once
// Whether it pays to look around for a while before falling asleep.  Layer: loop.
#include <algorithm>
#include <cstdint>

namespace gyre::detail {

/// A thread spins only where the last times that it had nothing to do were short: whoever answers at once finds it awake, and
/// a thread that has waited long goes to sleep at once, so that an idle runtime burns nothing. Times in nanoseconds; `window`
/// is how long to spin at most.
class spin_policy {
 public:
  /// After each turn of a loop: whether it did anything. `now` is asked only where work ends or begins.
  template <class Now>
  void after_turn(bool worked, std::int64_t window, Now&& now) noexcept {
    if (worked != idle_) return;
    idle_ = !worked;
    if (idle_) {
      idle_since_ = now();
    } else {
      waited(now() - idle_since_, window);
    }
  }
  /// It had nothing to do for that long. A wait that ended by a wake-up took as long as that more: so twice the window is
  /// still short.
  void waited(std::int64_t time, std::int64_t window) noexcept {
    credit_ = time <= 2 * window ? std::min(credit_ + 1, most_credit) : 0;
  }

  [[nodiscard]] bool pays() const noexcept { return credit_ != 0; }
  /// It has spun in vain.
  void lost() noexcept { --credit_; }

 private:
  static constexpr int most_credit = 4;

  std::int64_t idle_since_ = 0;
  bool idle_ = false;
  int credit_ = 0;
};

}  // namespace gyre::detail
