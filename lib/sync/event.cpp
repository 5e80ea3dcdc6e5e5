// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/sync/event.hpp>

namespace gyre {

event::~event() { GYRE_ASSERT(flag_.unused(), "an event is destroyed while tasks wait for it"); }

void event::set() noexcept { flag_.set(); }
void event::clear() noexcept { flag_.clear(); }
bool event::is_set() const noexcept { return flag_.is_set(); }

void event::append_text(std::string& out) const {
  const auto [set, waiters] = flag_.show();
  out += set ? "<Event [set" : "<Event [unset";
  detail::append_waiters(out, waiters);
  out += "]>";
}

namespace detail {

bool event_awaiter::await_ready() const noexcept { return event_.is_set(); }

bool event_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  interruption_point();
  t.note_wait(wait_reason::event, &event_);
  return event_.flag_.wait(node_, t, at);
}

void event_awaiter::leave_queue() noexcept { event_.flag_.leave(node_); }

bool event_awaiter::await_resume() {
  if (node_.task != nullptr) {
    leave_queue();
    throw_if_cancelled(*node_.task);
  }
  return true;
}

event_awaiter::~event_awaiter() {
  if (node_.in_wait) leave_queue();
}

}  // namespace detail
}  // namespace gyre
