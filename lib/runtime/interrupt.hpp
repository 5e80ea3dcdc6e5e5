// SPDX-License-Identifier: BSL-1.0
#pragma once
// SIGINT while run() runs.  Layer: runtime.  Bodies: lib/runtime/interrupt.cpp
#include "../loop/loop_core.hpp"

#include <memory>

namespace gyre::detail {

/// While it lives: the first SIGINT cancels `main`, a second one ends run() after the current step, and the process with
/// 130 if run() has not returned a second later: what follows main's end counts too, see late_interrupts.
///
/// Installed only in the main thread and only over the default handler, which it puts back; failing to install is no error.
class interrupt_guard {
 public:
  interrupt_guard(loop_core& l, future_core& main);
  interrupt_guard(const interrupt_guard&) = delete;
  interrupt_guard& operator=(const interrupt_guard&) = delete;
  ~interrupt_guard();

  /// How many the loop has looked at.
  [[nodiscard]] int count() const noexcept;

  /// Stops listening. Returns how many came in all: the loop may have ended before it looked at the last ones.
  int end() noexcept;

 private:
  class listener;
  int looked_at_ = 0;  // once it has ended
  std::unique_ptr<listener> listener_;
};

/// While it lives, after a main that `before` SIGINTs came to: the shutdown is under way, and the second in all ends the
/// process with 130 if the shutdown takes longer than another second. Without any before, SIGINT does what it did.
class late_interrupts {
 public:
  explicit late_interrupts(int before) noexcept;
  late_interrupts(const late_interrupts&) = delete;
  late_interrupts& operator=(const late_interrupts&) = delete;
  ~late_interrupts();

 private:
  bool installed_;
};

}  // namespace gyre::detail
