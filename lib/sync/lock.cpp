// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/sync/lock.hpp>

// release() does not hand the lock over: it frees it and wakes the first waiter, which stays in the queue until it resumes
// and so keeps newcomers out. A waiter that resumes cancelled wakes the next one if the lock is free by then.

namespace gyre {

lock::~lock() { GYRE_ASSERT(waiters_.empty(), "a lock is destroyed while tasks wait for it"); }

bool lock::take_if_free() noexcept {
  if (locked_ || waiters_.has_live()) return false;
  locked_ = true;
  return true;
}

bool lock::try_release(detail::wake_list& woken) noexcept {
  const std::lock_guard hold(guard_);
  if (!locked_) return false;
  locked_ = false;
  if (waiters_.grant_first(woken)) holder_.freed();
  return true;
}

void lock::release() {
  guard_.lock();
  if (!locked_ || !waiters_.empty()) [[unlikely]] return release_to_waiter();
  locked_ = false;
  guard_.unlock();
}

// Takes over the guard.
void lock::release_to_waiter() {
  bool held = false;
  detail::wake_list woken;
  {
    const std::lock_guard hold(guard_, std::adopt_lock);
    held = std::exchange(locked_, false);
    if (held && waiters_.grant_first(woken)) holder_.freed();
  }
  if (!held) throw error("Lock is not acquired.");
}

bool lock::locked() const noexcept {
  const std::lock_guard hold(guard_);
  return locked_;
}

void lock::append_text(std::string& out) const {
  std::unique_lock hold(guard_);
  const bool locked = locked_;
  const std::size_t waiters = waiters_.size();
  hold.unlock();
  out += locked ? "<Lock [locked" : "<Lock [unlocked";
  detail::append_waiters(out, waiters);
  out += "]>";
}

namespace detail {

bool lock_awaiter::await_ready() noexcept {
  const std::lock_guard hold(lock_.guard_);
  if (!lock_.take_if_free()) return false;
  lock_.holder_.taken();
  return true;
}

bool lock_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  std::unique_lock hold(lock_.guard_);
  if (lock_.take_if_free()) {
    lock_.holder_.taken();
    return false;
  }
  t.note_wait(wait_reason::lock, &lock_);
  wait_in(lock_.waiters_, node_, hold, t, at);
  return true;
}

void lock_awaiter::finish() {
  if (node_.task == nullptr) return;
  task_core& t = *node_.task;
  const bool cancelled = t.state.take_cancel();
  {
    wake_list woken;
    const std::lock_guard hold(lock_.guard_);
    lock_.waiters_.remove(node_);
    if (!cancelled) {
      lock_.locked_ = true;
      lock_.holder_.taken();
    } else if (!lock_.locked_) {
      lock_.waiters_.grant_first(woken);
    }
  }
  if (cancelled) t.throw_cancelled();
}

lock_awaiter::~lock_awaiter() {
  if (!node_.linked()) return;  // only a frame that is destroyed in mid-wait
  const std::lock_guard hold(lock_.guard_);
  lock_.waiters_.remove(node_);
}

}  // namespace detail
}  // namespace gyre
