// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/trace.hpp>
#include <gyre/flow/sleep.hpp>

namespace gyre::detail {

// On whatever thread finds the timer due, maybe before the task has parked: then the mark makes it go on at once.
void sleep_base::wake_now(timer_node& node) noexcept {
  task_core& t = *static_cast<sleep_base&>(node).task_;
  if (t.state.notify()) t.at().enqueue(t);
}

void sleep_base::wake_in_turn(runnable& r, fate f) noexcept {
  if (f == fate::runs) static_cast<sleep_base&>(r).task_->wake();
}

bool sleep_base::suspend(task_core& t, std::coroutine_handle<> at) {
  t.resume_point = at;
  t.note_wait(wait_reason::timer, static_cast<const timer_node*>(this));
  task_ = &t;
  home& here = t.at();
  if (delay_ <= 0) {
    t.state.yield();
    here.enqueue(t);
    return true;
  }
  fire_directly(!t.state.is_pinned());
  arm_timer(here, *this, deadline_after(now_of(here), delay_));
  armed_at_ = &here;
  interruption_point();
  if (t.state.park()) return true;
  if (t.state.take_notified() && !t.state.cancel_pending()) return false;
  t.state.yield();
  here.enqueue(t);
  return true;
}

// A timer that came due after the cancel has left its mark: it must not end the task's next wait.
std::exception_ptr sleep_base::end_cancelled() noexcept {
  stop_timer();
  task_->state.take_notified();
  return task_->take_cancel_error();
}

}  // namespace gyre::detail
