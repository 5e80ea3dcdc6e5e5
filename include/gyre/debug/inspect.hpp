// SPDX-License-Identifier: BSL-1.0
#pragma once
// All tasks of a runtime at a glance: as a table and as a tree of who awaits whom.  Layer: debug.
// Bodies: lib/debug/inspect.cpp
#include <gyre/loop/event_loop.hpp>

#include <string>
#include <vector>

namespace gyre {

/// A task and one of those who wait for it; a task has as many rows as awaiters, one at least.
/// Like: a row of `python -m asyncio ps`.
struct task_row {
  unsigned loop = 0;  ///< the loop that it runs or wakes on, counted from 0
  const void* task_id = nullptr;
  std::string task_name;
  std::string coroutine_stack;  ///< `inner -> outer`; `running` for a task that runs on another thread
  std::string awaiter_chain;    ///< the same of who waits for it
  std::string awaiter_name;     ///< empty if nobody waits
  const void* awaiter_id = nullptr;
};

/// The unfinished tasks of the runtime of `loop`, each looked at for an instant while the others run on.
///
/// Thread:  any, while the loop is not closed.
/// Cost:    a lock of some instructions a task; nothing stops, and nothing is counted before the call.
[[nodiscard]] std::vector<task_row> task_table(event_loop& loop);

/// The same as lines of text with a heading.
[[nodiscard]] std::string format_task_table(event_loop& loop);

/// The tasks as trees: at the roots those for whom nobody waits, below each the places of its awaits and, below the
/// innermost, the tasks it waits for. Tasks that await each other in a circle are reported instead of a tree.
/// Like:    `python -m asyncio pstree`.
[[nodiscard]] std::string format_task_tree(event_loop& loop);

}  // namespace gyre
