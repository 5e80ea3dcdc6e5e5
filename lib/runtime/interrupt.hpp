// SPDX-License-Identifier: BSL-1.0
#pragma once
// SIGINT while run() runs.  Layer: runtime.  Bodies: lib/runtime/interrupt.cpp
#include "../loop/loop_core.hpp"

#include <memory>

namespace gyre::detail {

/// While it lives: the first SIGINT cancels `main`, a second one ends run() after the current step, and the process with
/// 130 if that takes longer than a second.
///
/// Installed only in the main thread and only over the default handler, which it puts back; failing to install is no error.
class interrupt_guard {
 public:
  interrupt_guard(loop_core& l, future_core& main);
  interrupt_guard(const interrupt_guard&) = delete;
  interrupt_guard& operator=(const interrupt_guard&) = delete;
  ~interrupt_guard();

  [[nodiscard]] int count() const noexcept;

 private:
  class listener;
  std::unique_ptr<listener> listener_;
};

}  // namespace gyre::detail
