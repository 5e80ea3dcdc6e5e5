// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/task_core.hpp>
#include <gyre/flow/pin_scope.hpp>

namespace gyre {

// Held: in the body of an asynchronous generator that another task closes, the scope may outlive the task.
pin_scope::pin_scope() : pinned_(&detail::running_task("pin_scope")) {
  if (pinned_->state.is_pinned()) {
    pinned_ = nullptr;
    return;
  }
  pinned_->type->hold(*pinned_);
  pinned_->state.pin();
}

pin_scope::~pin_scope() {
  if (pinned_ == nullptr) return;
  pinned_->state.unpin();
  pinned_->type->drop(*pinned_);
}

}  // namespace gyre
