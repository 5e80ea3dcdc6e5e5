// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/loop/handle.hpp>

namespace gyre::detail {

void call_core::turn(runnable& r, fate f) noexcept {
  const core_ref<call_core> self(static_cast<call_core*>(&r));  // the loop's reference ends here
  if (f == fate::dropped || self->cancelled()) return;
  auto callback = std::move(self->callback_);
  try {
    callback();
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    if (ends_program(error)) {
      self->loop_.end_program(error);
      return;
    }
    report failure;
    failure.message = "Exception in callback";
    failure.exception = error;
    self->loop_.report_error(std::move(failure));
  }
}

void call_core::cancel() noexcept {
  if (cancelled_.exchange(true, std::memory_order_relaxed)) return;
  // Its own loop takes a timer out at once; from elsewhere the flag is enough, and the entry passes unseen when due.
  if (timed_ && this_thread().loop == &loop_ && disarm_timer(loop_, *this)) release();
}

}  // namespace gyre::detail
