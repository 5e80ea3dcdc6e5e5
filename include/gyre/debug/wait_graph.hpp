// SPDX-License-Identifier: BSL-1.0
#pragma once
// What every task waits for, who holds that, and which tasks wait for each other for good.  Layer: debug.
// Bodies: lib/debug/wait_graph.cpp, lib/debug/wait_graph_text.cpp
#include <gyre/core/frame_stack.hpp>
#include <gyre/core/holder.hpp>
#include <gyre/loop/event_loop.hpp>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace gyre {

/// What a task waits for.
enum class wait_subject : std::uint8_t {
  nothing,  ///< it runs, or is about to
  task,
  several,  ///< tasks: by gather, wait, a task group, a fork-join, shield
  future,
  thread,  ///< a function on another thread
  lock,
  semaphore,
  event,
  condition,
  barrier,
  queue_item,
  queue_room,
  queue_end,  ///< queue::join()
  timer,
  io,
  unknown  ///< something that does not say what it is
};

/// A task of a wait graph.
struct wait_graph_node {
  any_task task;
  std::string name;
  unsigned loop = 0;  ///< the loop that it runs or wakes on, counted from 0
  wait_subject waits_for = wait_subject::nothing;
  std::string subject;          ///< `lock 1`: numbered in the order of the tasks; a label for a function; else empty
  std::string holder;           ///< who holds the lock; empty if that was not noted
  std::vector<std::size_t> on;  ///< the tasks that it needs, as positions in the graph: awaited ones, or the holder
  bool any = false;             ///< the end of one of `on` may be enough
  bool more = false;            ///< it awaits futures besides, which anybody may set
  bool limited = false;         ///< inside a time limit: its wait ends by itself
  std::vector<frame_call_graph_entry> call_stack;  ///< innermost first
};

struct wait_graph {
  std::vector<wait_graph_node> tasks;
};

/// Tasks that wait for each other in a circle: nothing but a cancel, or a strange release of a lock, can end it.
struct deadlock {
  std::vector<std::size_t> circle;  ///< each needs the next one, the last one the first; positions in the graph
  std::vector<std::size_t> behind;  ///< others that wait, by some way, for these alone
};

/// What the unfinished tasks of the runtime of `loop` wait for, each looked at for an instant while the others run on.
///
/// Shape:   who holds a lock is known if that was noted when it was taken: see track_lock_holders().
/// Thread:  any, while the loop is not closed.
/// Cost:    a lock of some instructions a task; nothing stops.
[[nodiscard]] wait_graph capture_wait_graph(event_loop& loop);

/// The circles of tasks and locks that cannot end. Of a busy runtime, circles seen in passing may be among them: a deadlock is
/// there in two captures one after the other.
[[nodiscard]] std::vector<deadlock> find_deadlocks(const wait_graph& graph);

/// A line for each task: `'worker' (loop 0) waits for lock 1, held by 'other', at FILE:LINE in f()`, with the lines of its
/// outer awaits below; then the deadlocks: `deadlock: 'a' -> lock 1 -> 'b' -> lock 2 -> 'a'`.
[[nodiscard]] std::string format_wait_graph(const wait_graph& graph);
[[nodiscard]] std::string format_wait_graph(event_loop& loop);
/// Writes that to `file`.
void print_wait_graph(event_loop& loop, std::FILE* file = stderr);

}  // namespace gyre
