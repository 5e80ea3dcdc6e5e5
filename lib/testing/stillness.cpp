// SPDX-License-Identifier: BSL-1.0
#include "stillness.hpp"

#include "../loop/loop_core.hpp"

#include <gyre/core/future_core.hpp>
#include <gyre/core/join.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/flow/gather.hpp>
#include <gyre/flow/wait.hpp>
#include <gyre/sync/barrier.hpp>
#include <gyre/sync/event.hpp>
#include <gyre/sync/lock.hpp>

#include <string_view>
#include <utility>

namespace gyre::testing {
namespace {

using detail::join_head;
using detail::loop_core;
using detail::task_core;
using detail::wait_reason;

constexpr std::int64_t millisecond = 1'000'000;

// What the wait of a parked task has lost; null if nothing. All loops stand still, so everything may be read.
const char* lost_by_future(const task_core& t) {
  const detail::future_core& awaited = *t.waits_for;
  if (awaited.done()) return "waits for a future that is done";
  const auto* gather = dynamic_cast<const detail::gather_core*>(&awaited);
  return gather != nullptr && gather->pending() == 0 ? "waits for a gather whose children have ended" : nullptr;
}

const char* lost_by_primitive(const task_core& t) {
  switch (t.waits_by) {
    case wait_reason::lock:
      return static_cast<const lock*>(t.waits_at)->locked() ? nullptr : "waits for a lock that is free";
    case wait_reason::event:
      return static_cast<const event*>(t.waits_at)->is_set() ? "waits for an event that is set" : nullptr;
    case wait_reason::barrier: {
      const auto& b = *static_cast<const barrier*>(t.waits_at);
      const bool fills = to_string(b).find("filling") != std::string::npos && b.n_waiting() < b.parties();
      return fills ? nullptr : "waits at a barrier that does not fill";
    }
    case wait_reason::all_of:
    case wait_reason::some_of:
    case wait_reason::some_of_in_time: {
      const auto* some = static_cast<const detail::wait_core*>(t.waits_at);  // null in a task group
      return some != nullptr && count_pending(*some) == 0 ? "waits for tasks that have all ended" : nullptr;
    }
    default:
      return nullptr;
  }
}

// The operation is being cancelled: the request is delivered with its end.
bool takes_cancel_later(const task_core& t) noexcept {
  return !t.state.forwards_cancel() && t.waits_by == wait_reason::io;
}

const char* lost_by(const task_core& t) {
  if (t.state.is_done()) return "has ended";
  if (!t.state.is_waiting()) return "is ready, but in no queue";
  if (t.state.cancel_pending() && !takes_cancel_later(t)) return "has a request to end that its wait has not seen";
  return t.state.forwards_cancel() ? lost_by_future(t) : lost_by_primitive(t);
}

}  // namespace

void stillness::look_at(loop_core& l, std::int64_t alarm) {
  const auto note = [&](std::string_view what) {
    lost_ += "\n  loop " + std::to_string(l.index) + ": ";
    lost_ += what;
  };
  if (!l.nothing_came_in()) note("it sleeps, though there is something in its queues");
  if (l.searching) note("it sleeps, but counts as one that looks for work");
  constexpr std::uint64_t not_asleep = detail::idle_bits::searching | detail::idle_bits::unparked;
  if (const auto* idle = l.setup().idle; idle != nullptr && (idle->load(std::memory_order_relaxed) & not_asleep) != 0)
    note("the idle word counts somebody as awake");
  // In asyncio's order a sleep ends on a whole millisecond.
  const std::int64_t due = l.timers->next_deadline();
  const std::int64_t late = l.asyncio_order() ? millisecond : 0;
  if (due != INT64_MAX && alarm - late > due) note("it sleeps past the deadline of a timer");

  const auto count_unended = [](join_head& block) {
    std::size_t unended = 0;
    for (std::uint32_t i = 0; i < block.child_count(); ++i) unended += block.child(i).state.is_done() ? 0 : 1;
    return unended;
  };
  const auto look_at_task = [&](auto& self, task_core& t, const std::string& who) -> void {
    ++tasks_;
    join_head* const block = t.state.is_done() ? nullptr : t.join.load(std::memory_order_relaxed);
    if (block == nullptr) {
      if (const char* why = lost_by(t); why != nullptr) note(who + ' ' + why);
      return;
    }
    if (count_unended(*block) == 0) note(who + " waits for a fork-join whose children have ended");
    for (std::uint32_t i = 0; i < block->child_count(); ++i) {
      if (!block->child(i).state.is_done()) self(self, block->child(i), "a child of " + who);
    }
  };
  l.for_each_task([&](detail::task_record& each) {
    if (task_core* const t = each.core(); t != nullptr) look_at_task(look_at_task, *t, '\'' + each.name() + '\'');
  });
  l.for_each_orphan_block([&](join_head& block) {
    if (count_unended(block) == 0) note("it lists the children of a failed fork-join, which have all ended");
    for (std::uint32_t i = 0; i < block.child_count(); ++i) {
      if (!block.child(i).state.is_done()) look_at_task(look_at_task, block.child(i), "an orphan");
    }
  });
}

}  // namespace gyre::testing
