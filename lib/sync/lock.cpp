// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/sync/lock.hpp>

namespace gyre {

lock::~lock() { GYRE_ASSERT(turns_.unused(), "a lock is destroyed while tasks wait for it"); }

void lock::release_to_waiter() {
  detail::wake_list woken;
  if (!turns_.release_to_waiter(woken)) throw error("Lock is not acquired.");
}

void lock::append_text(std::string& out) const {
  const auto [locked, waiters] = turns_.show();
  out += locked ? "<Lock [locked" : "<Lock [unlocked";
  detail::append_waiters(out, waiters);
  out += "]>";
}

namespace detail {

bool lock_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  interruption_point();
  t.note_wait(wait_reason::lock, &lock_);
  return lock_.turns_.wait(node_, t, at);
}

void lock_awaiter::finish_wait() {
  task_core& t = *node_.task;
  const bool cancelled = t.state.take_cancel();
  lock_.turns_.resume(node_, cancelled);
  if (cancelled) t.throw_cancelled();
}

void lock_awaiter::forget() noexcept { lock_.turns_.forget(node_); }

}  // namespace detail
}  // namespace gyre
