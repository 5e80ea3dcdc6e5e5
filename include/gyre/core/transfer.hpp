// SPDX-License-Identifier: BSL-1.0
#pragma once
// How one coroutine resumes the next without growing the stack.  Layer: core.
#include <gyre/base/config.hpp>
#include <gyre/core/current.hpp>

#include <coroutine>
#include <utility>

namespace gyre::detail {

/// What await_suspend returns to go on with `target`: the handle itself where that is a tail call, else a stop whose
/// target the resumer below picks up. Both keep the stack flat at any depth of awaits.
[[nodiscard]] inline std::coroutine_handle<> transfer(std::coroutine_handle<> target) noexcept {
  if constexpr (symmetric_transfer) {
    return target;
  } else {
    this_thread().next = target;
    return std::noop_coroutine();
  }
}

/// Runs a coroutine, those it transfers to, and those that follow where one of them ended for good and left what is next.
inline void resume_chain(std::coroutine_handle<> first) {
  thread_state& thread = this_thread();  // the caller stays on its thread, whatever the coroutines do
  for (std::coroutine_handle<> h = first; h != nullptr; h = std::exchange(thread.next, nullptr)) h.resume();
}

}  // namespace gyre::detail
