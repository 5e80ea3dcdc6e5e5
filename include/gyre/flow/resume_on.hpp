// SPDX-License-Identifier: BSL-1.0
#pragma once
// resume_on: goes on with the running task on another loop.  Layer: flow.  Bodies: lib/flow/resume_on.cpp
#include <gyre/core/task_core.hpp>
#include <gyre/loop/event_loop.hpp>

namespace gyre {

namespace detail {

class [[nodiscard]] resume_on_awaiter : public awaiter_base {
 public:
  explicit resume_on_awaiter(event_loop& loop) noexcept : loop_(loop) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) {
    return suspend(*at.promise().task, at);
  }
  void await_resume() { throw_if_cancelled(*task_); }

 private:
  bool suspend(task_core& t, std::coroutine_handle<> at);
  event_loop& loop_;
  task_core* task_ = nullptr;
};

}  // namespace detail

/// Moves the running task to `loop`, another one of its runtime: a pinned task stays there from now on, a stealable one
/// begins there.
///
/// Throws:  foreign_runtime; loop_closed; error for main, which stays on the calling thread; cancelled_error.
[[nodiscard]] inline detail::resume_on_awaiter resume_on(event_loop& loop) noexcept {
  return detail::resume_on_awaiter(loop);
}

}  // namespace gyre
