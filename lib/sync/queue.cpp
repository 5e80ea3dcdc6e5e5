// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/sync/queue.hpp>

namespace gyre::detail {

queue_base::~queue_base() {
  GYRE_ASSERT(getters_.empty() && putters_.empty() && joiners_.empty(), "a queue is destroyed while tasks wait for it");
}

void queue_base::append_waiters(std::string& out) const {
  const auto count = [&out](const char* label, std::size_t n) {
    if (n == 0) return;
    out += label;
    append_unsigned(out, n);
    out += ']';
  };
  count(" _getters[", getters_.size());
  count(" _putters[", putters_.size());
  if (unfinished_ != 0) {
    out += " tasks=";
    append_unsigned(out, unfinished_);
  }
}

bool join_awaiter::await_ready() const noexcept {
  const std::lock_guard hold(guard_);
  return unfinished_ == 0;
}

bool join_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  std::unique_lock hold(guard_);
  if (unfinished_ == 0) return false;
  wait_in(joiners_, node_, hold, t, at);
  return true;
}

void join_awaiter::leave_queue() noexcept {
  const std::lock_guard hold(guard_);
  node_.unlink();
}

void join_awaiter::await_resume() {
  if (node_.task == nullptr) return;
  leave_queue();
  throw_if_cancelled(*node_.task);
}

join_awaiter::~join_awaiter() {
  if (node_.linked()) leave_queue();
}

}  // namespace gyre::detail
