// SPDX-License-Identifier: BSL-1.0
// all_tasks(): the registries of the loops, and the children of fork-joins, which are reachable through their parents.
#include "loop_core.hpp"

#include <gyre/loop/event_loop.hpp>

#include <memory>
#include <unordered_set>
#include <vector>

namespace gyre {
namespace detail {
namespace {

struct unpinner {
  void operator()(join_head* block) const noexcept { block->unpin(); }
};
using pinned_block = std::unique_ptr<join_head, unpinner>;

constexpr int most_passes = 100;  // where gathers fail all the time

// Collects each unfinished task once.
//
// The children of a gather that failed are listed as orphans before their parent lets go of them, and a parent may be such
// a child itself. So parents are looked at first, then the orphans of all loops, again and again until nothing was listed
// between two passes: who was missed in the second had been found in the first, under its parent.
class collector {
 public:
  explicit collector(const home* only) noexcept : only_(only) {}

  void visit_tasks(loop_core& l) {
    std::vector<core_ref<task_record>> own;
    l.for_each_task([&](task_record& t) { own.push_back(core_ref<task_record>::share(t)); });
    for (auto& each : own) add(std::move(each));
  }
  void visit_orphans(loop_core& l) {
    std::vector<pinned_block> orphans;
    listed_ += l.for_each_orphan_block([&](join_head& block) {
      block.pin_alive();
      orphans.emplace_back(&block);
    });
    for (pinned_block& block : orphans) {
      levels_.push_back({{}, std::move(block), false});
      look_at_levels();
    }
  }
  /// How many blocks the loops had ever listed when a pass looked at them.
  [[nodiscard]] std::uint64_t take_listed() noexcept { return std::exchange(listed_, 0); }

  task_set take() { return std::move(found_); }

 private:
  // A task whose children come first, and the gather that they are of, if it is in one. None: the children are orphans.
  struct level {
    core_ref<task_record> task;
    pinned_block block;
    bool wanted;
    std::uint32_t next = 0;
  };

  void add(core_ref<task_record> t) {
    enter(std::move(t));
    look_at_levels();
  }
  void enter(core_ref<task_record> t) {
    task_core* core = t->core();
    if (core == nullptr || core->state.is_done() || !seen_.insert(t.get()).second) return;
    const bool wanted = only_ == nullptr || &core->at() == only_;
    const bool may_gather = core->join.load(std::memory_order_relaxed) != nullptr;  // pin() orders
    pinned_block block(may_gather ? join_head::pin(core->join) : nullptr);
    levels_.push_back({std::move(t), std::move(block), wanted});
  }
  // Fork-joins lie inside each other as deep as user code likes: no recursion.
  void look_at_levels() {
    while (!levels_.empty()) {
      level& deepest = levels_.back();
      if (deepest.block != nullptr && deepest.next < deepest.block->child_count()) {
        task_core& child = deepest.block->child(deepest.next++);
        if (!child.state.is_done()) enter(core_ref<task_record>(child.type->record(child)));
      } else {
        if (deepest.wanted) found_.push_back(any_task(core_ref<future_core>(deepest.task.release())));
        levels_.pop_back();
      }
    }
  }

  const home* only_;
  std::uint64_t listed_ = 0;
  std::unordered_set<const task_record*> seen_;
  std::vector<level> levels_;  // each inside the one before
  task_set found_;
};

void visit_loops(loop_core& any_loop, collector& into, void (*visit)(loop_core&, void* into)) {
  if (any_loop.setup().peers == nullptr) {
    visit(any_loop, &into);
  } else {
    any_loop.setup().peers->for_each_loop(visit, &into);
  }
}

void visit_runtime(loop_core& any_loop, collector& into) {
  visit_loops(any_loop, into, [](loop_core& l, void* c) { static_cast<collector*>(c)->visit_tasks(l); });
  std::uint64_t before = UINT64_MAX;
  for (int pass = 0; pass < most_passes; ++pass) {
    visit_loops(any_loop, into, [](loop_core& l, void* c) { static_cast<collector*>(c)->visit_orphans(l); });
    if (const std::uint64_t listed = into.take_listed(); std::exchange(before, listed) == listed) return;
  }
}

}  // namespace

task_set all_tasks_of(loop_core& any_loop) {
  collector found(nullptr);
  visit_runtime(any_loop, found);
  return found.take();
}

}  // namespace detail

task_set all_tasks() {
  return detail::all_tasks_of(static_cast<detail::loop_core&>(detail::running_home("all_tasks")));
}

task_set all_tasks(event_loop& loop) {
  detail::collector found(&loop.core());
  detail::visit_runtime(loop.core(), found);
  return found.take();
}

}  // namespace gyre
