// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/sync/semaphore.hpp>

#include <limits>

// A permit is handed over: grant_one() takes it off value_ for the waiter that it wakes. A waiter that was granted a permit
// and resumes cancelled puts it back and grants on. Every waiter that resumes grants what is left, so that permits never
// lie idle while somebody waits.

namespace gyre {

semaphore::semaphore(std::ptrdiff_t value) : value_(value) {
  if (value < 0) throw value_error("Semaphore initial value must be >= 0");
}

semaphore::~semaphore() { GYRE_ASSERT(waiters_.empty(), "a semaphore is destroyed while tasks wait for it"); }

bool semaphore::grant_one(detail::wake_list& woken) noexcept {
  if (!waiters_.grant_next(woken)) return false;
  --value_;
  return true;
}

void semaphore::release_one(detail::wake_list& woken) noexcept {
  ++value_;
  grant_one(woken);
}

void semaphore::release() {
  detail::wake_list woken;
  std::unique_lock hold(guard_);
  if (value_ == std::numeric_limits<std::ptrdiff_t>::max()) [[unlikely]] {
    hold.unlock();
    throw value_error("Semaphore released too many times");
  }
  release_one(woken);
}

void bounded_semaphore::release() {
  detail::wake_list woken;
  std::unique_lock hold(guard_);
  if (value_ >= bound_) {
    hold.unlock();
    throw value_error("BoundedSemaphore released too many times");
  }
  release_one(woken);
}

bool semaphore::locked() const noexcept {
  const std::lock_guard hold(guard_);
  return must_wait();
}

void semaphore::append_text(std::string& out) const {
  std::unique_lock hold(guard_);
  const bool locked = must_wait();
  const std::ptrdiff_t value = value_;
  const std::size_t waiters = waiters_.size();
  hold.unlock();
  out += '<';
  out += kind();
  if (locked) {
    out += " [locked";
  } else {
    out += " [unlocked, value:";
    detail::append_signed(out, value);
  }
  detail::append_waiters(out, waiters);
  out += "]>";
}

namespace detail {

bool permit_awaiter::await_ready() noexcept {
  const std::lock_guard hold(semaphore_.guard_);
  if (semaphore_.must_wait()) return false;
  --semaphore_.value_;
  return true;
}

bool permit_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  std::unique_lock hold(semaphore_.guard_);
  if (!semaphore_.must_wait()) {
    --semaphore_.value_;
    return false;
  }
  t.note_wait(wait_reason::semaphore, &semaphore_);
  wait_in(semaphore_.waiters_, node_, hold, t, at);
  return true;
}

void permit_awaiter::finish() {
  if (node_.task == nullptr) return;
  task_core& t = *node_.task;
  const bool cancelled = t.state.take_cancel();
  {
    wake_list woken;
    const std::lock_guard hold(semaphore_.guard_);
    semaphore_.waiters_.remove(node_);
    if (cancelled && node_.granted) ++semaphore_.value_;
    while (semaphore_.value_ > 0 && semaphore_.grant_one(woken)) {
    }
  }
  if (cancelled) t.throw_cancelled();
}

permit_awaiter::~permit_awaiter() {
  if (!node_.linked()) return;  // only a frame that is destroyed in mid-wait
  const std::lock_guard hold(semaphore_.guard_);
  semaphore_.waiters_.remove(node_);
}

}  // namespace detail
}  // namespace gyre
