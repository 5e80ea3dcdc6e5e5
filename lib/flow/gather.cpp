// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/current.hpp>
#include <gyre/flow/gather.hpp>
#include <gyre/loop/event_loop.hpp>

#include <memory>

namespace gyre::detail {

// One child's entry: reports to the gather on the gather's loop, one step after the child's end, as in asyncio.
class gather_core::watcher final : public completion_node, public pooled {
 public:
  watcher(gather_core& gather, future_core& child) noexcept
      : completion_node(&queue, &turn, kind),
        gather_(core_ref<gather_core>::share(gather)),
        child_(core_ref<future_core>::share(child)) {}

  [[nodiscard]] future_core& child() const noexcept { return *child_; }

 private:
  static const node_kind kind;
  static bool note_awaiters(completion_node& node, awaiter_list& out) noexcept {
    return out.pass_on(*static_cast<watcher&>(node).gather_);
  }
  static void queue(completion_node& node, future_core&) noexcept {
    auto& self = static_cast<watcher&>(node);
    self.gather_->post(self);
  }
  static void turn(runnable& r, fate f) noexcept {
    const std::unique_ptr<watcher> self(static_cast<watcher*>(&r));
    if (f == fate::runs) self->gather_->child_done(*self->child_);
  }

  core_ref<gather_core> gather_;
  core_ref<future_core> child_;
};

const node_kind gather_core::watcher::kind{"gather.<locals>._done_callback()", &note_awaiters};

void gather_core::watch(pooled_vector<core_ref<future_core>> children) {
  for (const auto& each : children) refuse_foreign(*each, home_, "gather", foreign_error::value_error);
  children_ = std::move(children);
  const pooled_vector<std::size_t> different = first_places(children_);
  unfinished_.store(different.size(), std::memory_order_relaxed);
  if (different.empty()) {
    fill();
    complete();
  }
  // All memory first: what a child knows must not die with a constructor that fails.
  pooled_vector<std::unique_ptr<watcher>> nodes;
  nodes.reserve(different.size());
  for (const std::size_t i : different) nodes.push_back(std::make_unique<watcher>(*this, *children_[i]));
  pooled_vector<future_core*> done_already;
  done_already.reserve(different.size());
  for (auto& node : nodes) {
    future_core& child = node->child();
    if (child.add(*node)) {
      static_cast<void>(node.release());
    } else {
      done_already.push_back(&child);
    }
  }
  for (future_core* each : done_already) child_done(*each);
}

// On the gather's loop only.
void gather_core::child_done(future_core& child) noexcept {
  const bool last = unfinished_.fetch_sub(1, std::memory_order_relaxed) == 1;
  child.mark_retrieved();
  if (done()) return;
  const std::exception_ptr& error = child.slot().error;
  const bool failed = error != nullptr && !collect_errors_;
  if (!failed && !last) return;
  if (!reserve()) return;
  if (failed) {
    slot().error = error;
  } else if (cancel_requested_.load(std::memory_order_relaxed)) {
    const auto* cancelled = caught_as<cancelled_error>(error);
    slot().error = cancelled_with(cancelled == nullptr ? "" : cancelled->what());
  } else {
    try {
      fill();
    } catch (...) {
      slot().error = std::current_exception();
    }
  }
  if (slot().error != nullptr) {
    fail();
  } else {
    complete();
  }
}

bool gather_core::any_needed(bool (*needed)(const future_core&, const void*) noexcept,
                             const void* with) const noexcept {
  const future_core* pending = nullptr;
  for (const auto& each : children_) {
    if (each->done() || each.get() == pending) continue;
    if (collect_errors_ && needed(*each, with)) return true;
    if (!collect_errors_ && pending != nullptr) return false;
    pending = each.get();
  }
  return !collect_errors_ && pending != nullptr && needed(*pending, with);
}

bool gather_core::is_over() const noexcept {
  bool all = true;
  for (const auto& each : children_) {
    if (!each->done()) {
      all = false;
    } else if (!collect_errors_ && each->outcome() != status::finished) {
      return true;
    }
  }
  return all;
}

bool gather_core::cancel(std::string_view message) {
  if (done()) return false;
  // Before the children: the last of them may end on another loop at once, and the gather with it.
  const bool asked_before = cancel_requested_.exchange(true, std::memory_order_relaxed);
  bool any = false;
  for (const auto& each : children_) {
    if (each->cancel(message)) any = true;
  }
  if (any || asked_before) return any;
  cancel_requested_.store(false, std::memory_order_relaxed);
  return done() &&
         caught_as<cancelled_error>(slot().error) != nullptr;  // the mark was seen: the request has been delivered
}

home& gather_home(const pooled_vector<core_ref<future_core>>& children) {
  if (this_thread().loop == nullptr && !children.empty()) {
    if (home* first = children.front()->where(); first != nullptr) return *first;
  }
  return running_or_set_home("gather");
}

}  // namespace gyre::detail
