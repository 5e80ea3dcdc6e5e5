// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/relax.hpp>
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/task.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace gyre {
namespace detail {
namespace {

// An awaiter that somebody else has told us of.
class named_awaiter final : public completion_node, public pooled {
 public:
  explicit named_awaiter(core_ref<future_core> waiter) noexcept
      : completion_node(&forget, &never_queued, kind), waiter_(std::move(waiter)) {}

  [[nodiscard]] static bool names(completion_node& node, const future_core& waiter) noexcept {
    return node.is(&forget) && static_cast<named_awaiter&>(node).waiter_.get() == &waiter;
  }

 private:
  static const node_kind kind;
  static bool note(completion_node& node, awaiter_list& out) noexcept {
    return out.add(*static_cast<named_awaiter&>(node).waiter_);
  }
  static void forget(completion_node& node, future_core&) noexcept { delete static_cast<named_awaiter*>(&node); }
  static void never_queued(runnable& r, fate) noexcept { delete static_cast<named_awaiter*>(&r); }

  core_ref<future_core> waiter_;
};

const node_kind named_awaiter::kind{nullptr, &note};

void add_once(std::vector<core_ref<future_core>>& all, core_ref<future_core> one) {
  const auto same = [&](const core_ref<future_core>& each) { return each.get() == one.get(); };
  if (std::none_of(all.begin(), all.end(), same)) all.push_back(std::move(one));
}

}  // namespace

void awaiter_list::start_again() {
  const std::size_t room = entries_.capacity();
  clear();
  if (std::exchange(full_, false)) entries_.reserve(room * 2 + 8);
}

bool awaiter_list::keep(entry e) noexcept {
  if (entries_.size() == entries_.capacity()) {
    full_ = true;
    return false;
  }
  if (e.task != nullptr) {
    e.task->type->hold(*e.task);
  } else {
    e.future->retain();
  }
  entries_.push_back(e);
  return true;
}

bool awaiter_list::add(task_core& t) noexcept { return keep(entry{&t, nullptr, false}); }

void awaiter_list::clear() noexcept {
  for (const entry& e : entries_) {
    if (e.task != nullptr) {
      e.task->type->drop(*e.task);
    } else {
      e.future->release();
    }
  }
  entries_.clear();
}

void awaiter_list::take(std::vector<core_ref<future_core>>& awaiters, std::vector<core_ref<future_core>>& through) {
  for (const entry& e : entries_) {
    if (e.task != nullptr) {
      add_once(awaiters, core_ref<future_core>(e.task->type->record(*e.task)));
    } else {
      add_once(e.passes_on ? through : awaiters, core_ref<future_core>::share(*e.future));
    }
  }
}

std::vector<core_ref<future_core>> awaiters_of(future_core& f) {
  std::vector<core_ref<future_core>> awaiters;
  std::vector<core_ref<future_core>> through{core_ref<future_core>::share(f)};
  for (std::size_t i = 0; i < through.size(); ++i) {
    awaiter_list found;
    backoff pause;
    for (found.start_again(); !through[i]->note_awaiters(found); found.start_again()) pause.once();
    found.take(awaiters, through);
  }
  return awaiters;
}

}  // namespace detail

void future_add_to_awaited_by(const any_future& awaited, const any_future& waiter) {
  detail::future_core& core = awaited.core("future_add_to_awaited_by");
  auto node = std::make_unique<detail::named_awaiter>(waiter.shared("future_add_to_awaited_by"));
  if (core.add(*node)) static_cast<void>(node.release());
}

void future_discard_from_awaited_by(const any_future& awaited, const any_future& waiter) {
  detail::future_core& core = awaited.core("future_discard_from_awaited_by");
  const detail::future_core& named = waiter.core("future_discard_from_awaited_by");
  const auto matches = [&](detail::completion_node& node) { return detail::named_awaiter::names(node, named); };
  delete static_cast<detail::named_awaiter*>(core.remove_if(matches));
}

}  // namespace gyre
