// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a loop's surroundings say when nothing can run any more. Declared here for the layers below debug.  Layer: loop.
// Bodies: lib/debug/wait_graph_text.cpp
#include <string>

namespace gyre::detail {

class loop_core;

struct waits_report {
  std::string text;          // a line a task, then the deadlocks; empty if there is no task
  bool will_change = false;  // some task runs, or waits for a timer, I/O or a function on a thread
};

/// What the unfinished tasks of the loop's runtime wait for.   Thread: any.
[[nodiscard]] waits_report describe_waits(loop_core& any_loop);

/// The same for the error of a simulation in which nothing can come any more.
[[nodiscard]] std::string describe_deadlock(loop_core& any_loop);

}  // namespace gyre::detail
