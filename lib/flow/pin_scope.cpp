// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>
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

// A generator may be closed by another task than the one that its scope has pinned, which may be anywhere, also inside a
// scope of its own: that one stays pinned.
pin_scope::~pin_scope() {
  if (pinned_ == nullptr) return;
  if (detail::this_thread().current == pinned_) pinned_->state.unpin();
  pinned_->type->drop(*pinned_);
}

}  // namespace gyre
