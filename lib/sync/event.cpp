// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/sync/event.hpp>

namespace gyre {

event::~event() { GYRE_ASSERT(waiters_.empty(), "an event is destroyed while tasks wait for it"); }

void event::set() noexcept {
  detail::wake_list woken;
  const std::lock_guard hold(guard_);
  if (set_) return;
  set_ = true;
  waiters_.grant_all(woken);
}

void event::clear() noexcept {
  const std::lock_guard hold(guard_);
  set_ = false;
}

bool event::is_set() const noexcept {
  const std::lock_guard hold(guard_);
  return set_;
}

void event::append_text(std::string& out) const {
  std::unique_lock hold(guard_);
  const bool set = set_;
  const std::size_t waiters = waiters_.size();
  hold.unlock();
  out += set ? "<Event [set" : "<Event [unset";
  detail::append_waiters(out, waiters);
  out += "]>";
}

namespace detail {

bool event_awaiter::await_ready() const noexcept { return event_.is_set(); }

bool event_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  std::unique_lock hold(event_.guard_);
  if (event_.set_) return false;
  t.note_wait(wait_reason::event, &event_);
  wait_in(event_.waiters_, node_, hold, t, at);
  return true;
}

void event_awaiter::leave_queue() noexcept {
  const std::lock_guard hold(event_.guard_);
  event_.waiters_.remove(node_);
}

bool event_awaiter::await_resume() {
  if (node_.task != nullptr) {
    leave_queue();
    throw_if_cancelled(*node_.task);
  }
  return true;
}

event_awaiter::~event_awaiter() {
  if (node_.linked()) leave_queue();
}

}  // namespace detail
}  // namespace gyre
