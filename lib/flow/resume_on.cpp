// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/future_core.hpp>
#include <gyre/flow/resume_on.hpp>

namespace gyre::detail {

bool resume_on_awaiter::suspend(task_core& t, std::coroutine_handle<> at) {
  home& target = home_of(loop_);
  task_ = &t;
  if (target.family() != t.at().family()) throw foreign_runtime("resume_on: the loop belongs to another runtime");
  if (target.closed()) throw loop_closed("resume_on: the event loop is closed");
  if (t.state.is_main() && &target != &t.at()) throw error("resume_on: main stays on the thread that called run()");
  was_free_ = !t.state.is_pinned();
  if (was_free_) t.state.pin();
  t.resume_point = at;
  t.state.yield();
  t.move_to(target);  // now: an observer here must not take it for one that only this loop can resume
  target.enqueue(t);
  return true;
}

void resume_on_awaiter::arrive() noexcept {
  if (was_free_) task_->state.unpin();
}

}  // namespace gyre::detail
