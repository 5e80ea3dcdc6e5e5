// SPDX-License-Identifier: BSL-1.0
#include "stillness.hpp"

#include "../loop/loop_core.hpp"
#include "../sync/wait_view.hpp"

#include <gyre/core/future_core.hpp>
#include <gyre/core/join.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/flow/gather.hpp>
#include <gyre/flow/task_group.hpp>
#include <gyre/flow/wait.hpp>
#include <gyre/loop/timers.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gyre::testing {
namespace {

using detail::join_head;
using detail::loop_core;
using detail::task_core;
using detail::wait_reason;
using detail::wait_view;

constexpr std::int64_t millisecond = 1'000'000;

// What the wait of a parked task has lost; null if nothing. All loops stand still, so everything may be read.
const char* lost_by_future(const task_core& t) {
  const detail::future_core& awaited = *t.waits_for;
  if (awaited.done()) return "waits for a future that is done";
  if (!awaited.hands_on()) return nullptr;
  if (const auto* gather = dynamic_cast<const detail::gather_core*>(&awaited); gather != nullptr) {
    return gather->is_over() ? "waits for a gather whose children have ended" : nullptr;
  }
  const auto goes_on = [](const detail::future_core& needed, const void*) noexcept { return !needed.done(); };
  return awaited.any_needed(goes_on, nullptr) ? nullptr : "waits for a future whose source has ended";
}

const char* lost_by_timer(const task_core& t, const detail::timer_node& node) {
  if (!node.is_armed()) return "waits for a timer that is not set";
  const auto& home = static_cast<const loop_core&>(t.at());
  return home.timers->next_deadline() > node.deadline() ? "waits for a timer that its loop does not see" : nullptr;
}

// A new kind of wait has to be named here: the compiler looks whether all are.
const char* lost_by_primitive(const task_core& t) {
  if (t.check != nullptr) return t.check->lost();
  const void* const at = t.waits_at;
  switch (t.waits_by) {
    case wait_reason::lock:
      return wait_view::lost_at(*static_cast<const lock*>(at));
    case wait_reason::semaphore:
      return wait_view::lost_at(*static_cast<const semaphore*>(at));
    case wait_reason::event:
      return wait_view::lost_at(*static_cast<const event*>(at));
    case wait_reason::condition:
      return wait_view::lost_at(*static_cast<const condition*>(at));
    case wait_reason::queue_end:
      return wait_view::lost_at_end_of(*static_cast<const detail::queue_base*>(at));
    case wait_reason::timer:
      return lost_by_timer(t, *static_cast<const detail::timer_node*>(at));
    case wait_reason::all_of:
    case wait_reason::some_of:
    case wait_reason::some_of_in_time:
      return detail::lost_at(*static_cast<const detail::wait_core*>(at));
    case wait_reason::group:
      return detail::lost_at(*static_cast<const task_group*>(at));
    case wait_reason::barrier:
    case wait_reason::queue_item:
    case wait_reason::queue_room:
    case wait_reason::io:
      return "has lost what it looks at before it goes on";
    case wait_reason::unknown:
      break;
  }
  return "waits for something unknown";  // world::trace() forgets each wait at the next step
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
  struct place {
    task_core* task;
    std::size_t depth;
  };
  std::vector<place> open;  // not the native stack: gathers may stand inside each other a hundred thousand times
  const auto look_from = [&](task_core& first, auto name) {
    const auto note_at = [&](std::size_t depth, const char* why) {
      std::string who = depth == 0 ? "" : depth == 1 ? "a child of " : std::to_string(depth) + " gathers below ";
      note(who + name() + ' ' + why);
    };
    open.push_back({&first, 0});
    while (!open.empty()) {
      const auto [t, depth] = open.back();
      open.pop_back();
      ++tasks_;
      join_head* const block = t->state.is_done() ? nullptr : t->join.load(std::memory_order_relaxed);
      if (block == nullptr) {
        if (const char* why = lost_by(*t); why != nullptr) note_at(depth, why);
        continue;
      }
      if (count_unended(*block) == 0) note_at(depth, "waits for a fork-join whose children have ended");
      for (std::uint32_t i = block->child_count(); i-- > 0;) {
        if (!block->child(i).state.is_done()) open.push_back({&block->child(i), depth + 1});
      }
    }
  };
  l.for_each_task([&](detail::task_record& each) {
    if (task_core* const t = each.core(); t != nullptr) look_from(*t, [&each] { return '\'' + each.name() + '\''; });
  });
  l.for_each_orphan_block([&](join_head& block) {
    if (count_unended(block) == 0) note("it lists the children of a failed fork-join, which have all ended");
    for (std::uint32_t i = 0; i < block.child_count(); ++i) {
      if (!block.child(i).state.is_done()) look_from(block.child(i), [] { return std::string("an orphan"); });
    }
  });
}

}  // namespace gyre::testing
