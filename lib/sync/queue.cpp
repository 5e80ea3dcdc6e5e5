// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/sync/queue_base.hpp>

#include <algorithm>

namespace gyre::detail {

queue_base::~queue_base() {
  GYRE_ASSERT(getters_.empty() && putters_.empty() && joiners_.empty(), "a queue is destroyed while tasks wait for it");
}

void queue_base::task_done() {
  wake_list woken;
  std::unique_lock hold(guard_);
  if (unfinished_ == 0) {
    hold.unlock();
    throw value_error("task_done() called too many times");
  }
  if (--unfinished_ == 0) joiners_.grant_all(woken);
}

void queue_base::end(std::size_t dropped, wake_list& woken) noexcept {
  shut_down_ = true;
  if (dropped != 0) {
    unfinished_ -= std::min(dropped, unfinished_);
    if (unfinished_ == 0) joiners_.grant_all(woken);
  }
  while (getters_.pop_and_grant(woken)) {
  }
  while (putters_.pop_and_grant(woken)) {
  }
}

void queue_base::append_counts(std::string& out, const counts& now) {
  const auto bracketed = [&out](const char* label, std::size_t n) {
    if (n == 0) return;
    out += label;
    append_unsigned(out, n);
    out += ']';
  };
  bracketed(" _getters[", now.getters);
  bracketed(" _putters[", now.putters);
  if (now.unfinished != 0) {
    out += " tasks=";
    append_unsigned(out, now.unfinished);
  }
  if (now.shut_down) out += " shutdown";
}

const char* queue_base::lost_by(const wait_queue& waiters) const noexcept {
  return shut_down_ ? "waits at a queue that is shut down" : lost_in(waiters);
}

void throw_put_refused(attempt how) {
  if (how == attempt::waits) throw queue_full();
  throw queue_shut_down();
}

void throw_get_refused(attempt how) {
  if (how == attempt::waits) throw queue_empty();
  throw queue_shut_down();
}

bool join_awaiter::await_ready() const noexcept {
  const std::lock_guard hold(queue_.guard_);
  return queue_.unfinished_ == 0;
}

bool join_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  interruption_point();
  std::unique_lock hold(queue_.guard_);
  if (queue_.unfinished_ == 0) return false;
  t.note_wait(wait_reason::queue_end, &queue_);
  wait_in(queue_.joiners_, node_, hold, t, at);
  return true;
}

void join_awaiter::leave_queue() noexcept {
  const std::lock_guard hold(queue_.guard_);
  queue_.joiners_.remove(node_);
}

void join_awaiter::await_resume() {
  if (node_.task == nullptr) return;
  leave_queue();
  throw_if_cancelled(*node_.task);
}

join_awaiter::~join_awaiter() {
  if (node_.in_wait) leave_queue();
}

}  // namespace gyre::detail
