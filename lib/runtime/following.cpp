// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/awaited_by.hpp>
#include <gyre/runtime/detail/following.hpp>

#include <memory>
#include <mutex>

namespace gyre::detail {

// The entry in the source's list. It keeps the follower alive until the source has ended.
class following_core::link final : public completion_node, public pooled {
 public:
  explicit link(following_core& follower) noexcept
      : completion_node(&on_end, &on_drop, kind), follower_(core_ref<following_core>::share(follower)) {}

  static void on_end(completion_node& node, future_core& source) noexcept {
    const std::unique_ptr<link> self(static_cast<link*>(&node));
    self->follower_->take_over(source);
  }
  // The loop of the source was closed before its end.
  static void on_drop(runnable& r, fate) noexcept {
    const std::unique_ptr<link> self(static_cast<link*>(&r));
    self->follower_->mark_retrieved();  // the loop has reported what it destroys
    self->follower_->fail(std::make_exception_ptr(loop_closed("the event loop was closed before the task ended")));
  }

 private:
  static const node_kind kind;
  static bool note_awaiters(completion_node& node, awaiter_list& out) noexcept {
    return out.pass_on(*static_cast<link&>(node).follower_);
  }

  core_ref<following_core> follower_;
};

const node_kind following_core::link::kind{"wrap_future()", &note_awaiters};

void following_core::follow(core_ref<future_core> source) {
  auto node = std::make_unique<link>(*this);
  bool asked = false;
  {
    const std::lock_guard hold(guard_);
    source_ = source;
    asked = asked_;
  }
  link& added = *node.release();
  if (!source->add_unless_forsaken(added)) {
    if (source->done()) {
      link::on_end(added, *source);
    } else {
      added.drop();
    }
  }
  if (asked) source->cancel({});
}

void following_core::take_over(future_core& source) noexcept {
  source.mark_retrieved();
  if (!reserve()) return;  // cancelled before: the late result is dropped
  slot().error = source.slot().error;
  if (slot().error == nullptr) {
    try {
      copy_value(source);
    } catch (...) {
      slot().error = std::current_exception();
    }
  }
  complete_unless_closed();
}

void following_core::fail(std::exception_ptr error) noexcept {
  if (!reserve()) return;
  slot().error = std::move(error);
  complete_unless_closed();
}

bool following_core::cancel(std::string_view message) {
  if (!cancel_unless_closed(message)) return false;
  core_ref<future_core> source;
  {
    const std::lock_guard hold(guard_);
    asked_ = true;
    source = source_;
  }
  if (source) source->cancel(message);
  return true;
}

}  // namespace gyre::detail
