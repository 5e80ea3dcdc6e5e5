// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/current.hpp>
#include <gyre/loop/handle.hpp>

namespace gyre::detail {

void call_core::turn(runnable& r, fate f) noexcept {
  const core_ref<call_core> self(static_cast<call_core*>(&r));  // the loop's reference ends here
  auto callback = std::move(self->callback_);
  if (f == fate::dropped || self->cancelled()) return;
  const entered_slot inside(self->context);
  try {
    callback();
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    if (ends_program(error)) {
      this_thread().loop->end_program(error);
      return;
    }
    make_report(this_thread().loop, "Exception in callback", [&](report& failure) {
      failure.message = "Exception in callback";
      failure.exception = error;
      failure.callback = self.get();
      failure.context = &self->context;
      self->append_text(failure.details);
    });
  }
}

void call_core::append_text(std::string& out) const {
  out += timed_ ? "<TimerHandle" : "<Handle";
  if (cancelled()) out += " cancelled";
  if (timed_) {
    out += " when=";
    append_double(out, static_cast<double>(deadline()) * 1e-9);
  }
  if (!cancelled()) out += " callback()";
  out += '>';
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
