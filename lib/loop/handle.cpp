// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
#include <gyre/loop/handle.hpp>

namespace gyre::detail {

void call_core::turn(runnable& r, fate f) noexcept {
  const core_ref<call_core> self(static_cast<call_core*>(&r));  // the loop's reference ends here
  auto callback = std::move(self->callback_);
  if (f == fate::dropped || self->cancelled()) return;
  try {
    callback();
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    if (ends_program(error)) {
      this_thread().loop->end_program(error);
      return;
    }
    report failure;
    failure.message = "Exception in callback";
    failure.exception = error;
    this_thread().loop->report_error(std::move(failure));
  }
}

// A timer leaves the heap at once and lets its callback go; a callback in a ring passes unseen when its turn comes.
void call_core::cancel() noexcept {
  if (cancelled_.exchange(true, std::memory_order_relaxed) || !timed_) return;
  home* loop = loop_.loop_of(era_);
  if (loop == nullptr || !take_back_timer(*loop, *this)) return;
  const auto callback = std::move(callback_);
  release();
}

}  // namespace gyre::detail
