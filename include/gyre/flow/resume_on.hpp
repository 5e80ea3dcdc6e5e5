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
  void await_resume() {
    arrive();
    throw_if_cancelled(*task_);
  }

 protected:
  bool suspend(task_core& t, std::coroutine_handle<> at);
  void arrive() noexcept;

  event_loop& loop_;

 private:
  task_core* task_ = nullptr;
  bool was_free_ = false;  // it travels as a pinned task: those have queues that no thief reaches
};

}  // namespace detail

/// Moves the running task to `loop`, another one of its runtime: a pinned task stays there from now on, a stealable one
/// begins there and may be stolen at a later suspension.
///
/// Shape:   to the loop where it is already: as sleep(0).
/// Cancel:  the task has moved by then.
/// Throws:  foreign_runtime; loop_closed; error for main, which stays on the calling thread; cancelled_error.
/// Cost:    one message; a loop that is inside user code takes the task when that returns.
[[nodiscard]] inline detail::resume_on_awaiter resume_on(event_loop& loop) noexcept {
  return detail::resume_on_awaiter(loop);
}

}  // namespace gyre
