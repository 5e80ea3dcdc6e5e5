// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/offload_executor.hpp>
#include <gyre/core/task_record.hpp>

namespace gyre::detail {

void offload_core::note_caller(std::source_location where, const task_core* task) {
  caller_ = where;
  if (task == nullptr) return;
  auto& t = const_cast<task_core&>(*task);
  core_ref<task_record>(t.type->record(t))->name().swap(task_);
}

void offload_core::carry_context() noexcept {
  context_.copy_from(current_context());
  carries_context_ = true;
}

void offload_core::execute() noexcept {
  auto expected = stage::waiting;
  if (!stage_.compare_exchange_strong(expected, stage::begun, std::memory_order_relaxed)) return;
  bool ended = false;
  if (carries_context_) {
    const entered_slot inside(context_);
    ended = call();
  } else {
    ended = call();
  }
  if (ended) complete_unless_closed();
}

bool offload_core::cancel(std::string_view message) {
  mark_retrieved();
  if (!reserve()) return false;
  auto expected = stage::waiting;  // first: who sees the end may rely on it
  stage_.compare_exchange_strong(expected, stage::dropped, std::memory_order_relaxed);
  slot().error = cancelled_with(message);
  complete_unless_closed();
  return true;
}

void offload_core::append_label(std::string& out) const {
  out += call_;
  out += '(';
  append_type_name(out, function_->name());
  out += ')';
  if (caller_.line() != 0) {
    out += ", called at ";
    append_place(out, caller_);
  }
  if (!task_.empty()) {
    out += " by task ";
    append_quoted(out, task_);
  }
}

}  // namespace gyre::detail
