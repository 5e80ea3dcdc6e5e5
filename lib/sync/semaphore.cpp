// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/sync/semaphore.hpp>

#include <limits>

namespace gyre {

semaphore::semaphore(std::ptrdiff_t value) : permits_(value) {
  if (value < 0) throw value_error("Semaphore initial value must be >= 0");
}

semaphore::~semaphore() { GYRE_ASSERT(permits_.unused(), "a semaphore is destroyed while tasks wait for it"); }

void semaphore::release() {
  const bool done = permits_.release_below(std::numeric_limits<std::ptrdiff_t>::max());
  if (!done) [[unlikely]]
    throw value_error("Semaphore released too many times");
}

void bounded_semaphore::release() {
  if (!permits_.release_below(bound_)) throw value_error("BoundedSemaphore released too many times");
}

bool semaphore::locked() const noexcept { return permits_.locked(); }

void semaphore::append_text(std::string& out) const {
  const auto [locked, value, waiters] = permits_.show();
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

bool permit_awaiter::await_ready() noexcept { return semaphore_.permits_.try_acquire(); }

bool permit_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  interruption_point();
  t.note_wait(wait_reason::semaphore, &semaphore_);
  return semaphore_.permits_.wait(node_, t, at);
}

void permit_awaiter::finish() {
  if (node_.task == nullptr) return;
  task_core& t = *node_.task;
  const bool cancelled = t.state.take_cancel();
  semaphore_.permits_.resume(node_, cancelled);
  if (cancelled) t.throw_cancelled();
}

permit_awaiter::~permit_awaiter() {
  if (node_.in_wait) semaphore_.permits_.forget(node_);  // only a frame that is destroyed in mid-wait
}

}  // namespace detail
}  // namespace gyre
