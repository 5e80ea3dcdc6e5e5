// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/sync/condition.hpp>

// A waiter joins the list before it frees the lock, under guard_, which notify() takes, too: whoever gets the lock after it
// and notifies finds it there, parked. A notified waiter stays in the list until it resumes; then it queues for the lock
// like anybody else.

namespace gyre {

condition::~condition() { GYRE_ASSERT(waiters_.empty(), "a condition is destroyed while tasks wait for it"); }

coro<bool> condition::wait() {
  std::exception_ptr cancelled;
  try {
    co_await detail::condition_awaiter(*this);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  for (bool held = false; !held;) {
    try {
      held = co_await lock_.acquire();
    } catch (const cancelled_error&) {
      cancelled = std::current_exception();
    }
  }
  if (cancelled != nullptr) {
    pass_on();
    std::rethrow_exception(std::move(cancelled));
  }
  co_return true;
}

void condition::check_held() const {
  if (!locked()) throw error("cannot notify on un-acquired lock");
}

void condition::notify(std::ptrdiff_t n) {
  check_held();
  detail::wake_list woken;
  const std::lock_guard hold(guard_);
  while (n > 0 && waiters_.grant_next(woken)) --n;
}

void condition::notify_all() {
  check_held();
  detail::wake_list woken;
  const std::lock_guard hold(guard_);
  waiters_.grant_all(woken);
}

// A cancelled waiter may have been notified, when it waited or while it queued for the lock. One wake-up too many is
// harmless: wait() may return for no reason.
void condition::pass_on() noexcept {
  detail::wake_list woken;
  const std::lock_guard hold(guard_);
  waiters_.grant_next(woken);
}

void condition::append_text(std::string& out) const {
  const bool held = locked();
  std::unique_lock hold(guard_);
  const std::size_t waiters = waiters_.size();
  hold.unlock();
  out += held ? "<Condition [locked" : "<Condition [unlocked";
  detail::append_waiters(out, waiters);
  out += "]>";
}

namespace detail {

bool condition_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  interruption_point();
  wake_list woken;  // who waits for the lock
  std::unique_lock hold(condition_.guard_);
  if (!condition_.lock_.turns_.try_release(woken)) return false;
  t.note_wait(wait_reason::condition, &condition_);
  const bool parked = park_in(condition_.waiters_, node_, t, at);
  hold.unlock();
  woken.send();  // before this task, if a cancel made it ready already
  t.leave(parked);
  return true;
}

void condition_awaiter::await_resume() {
  if (node_.task == nullptr) throw error("cannot wait on un-acquired lock");
  throw_if_cancelled(*node_.task);
}

// At the end of the wait, or in mid-wait with its frame.
condition_awaiter::~condition_awaiter() {
  if (!node_.in_wait) return;  // the lock was free
  const std::lock_guard hold(condition_.guard_);
  condition_.waiters_.remove(node_);
}

}  // namespace detail
}  // namespace gyre
