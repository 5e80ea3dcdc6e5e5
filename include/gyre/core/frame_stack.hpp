// SPDX-License-Identifier: BSL-1.0
#pragma once
// Where a task stands: the chain of its awaits, copied while it cannot go on.  Layer: core.
// Bodies: lib/core/frame_stack.cpp
#include <gyre/core/promise.hpp>

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace gyre {

/// One coroutine of a task's chain of awaits, or the plain function that asked for it.   Like: asyncio.FrameCallGraphEntry.
class frame_call_graph_entry {
 public:
  frame_call_graph_entry(std::source_location place, bool coroutine) noexcept : place_(place), coroutine_(coroutine) {}

  /// Where it awaits; where it is defined, if it has not awaited anything yet.
  [[nodiscard]] const std::source_location& where() const noexcept { return place_; }
  /// The name of the function.
  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] bool is_coroutine() const noexcept { return coroutine_; }
  /// `File 'a.cpp', line 12, in async f()`
  void append_text(std::string& out) const;

 private:
  std::source_location place_;
  bool coroutine_;
};

namespace detail {

class task_core;

/// The chain of awaits of a task and, where fork-joins wait for it, of the tasks above.
///
/// A task is still, and its frames may be read, while
///   - it runs on this thread, or is pinned to the loop that does;
///   - the `locked` bit keeps it parked;
///   - a child of its fork-join is still: it goes on only when that child has ended, or by the failure of another one, and
///     then waits first for the lock under which task_type::climb looks.
///
/// Thread:  any, while the caller holds the task.
class stack_capture {
 public:
  struct level {
    task_core* task;  // held
    std::size_t first;
    std::size_t count;
  };

  explicit stack_capture(task_core& t);
  stack_capture(const stack_capture&) = delete;
  stack_capture& operator=(const stack_capture&) = delete;
  ~stack_capture() { clear(); }

  /// The task itself, then its fork-join ancestors. Empty if it runs somewhere else, or has ended.
  [[nodiscard]] const std::vector<level>& levels() const noexcept { return levels_; }
  /// Innermost first.
  [[nodiscard]] std::vector<frame_call_graph_entry> frames(const level& of) const;

  /// For task_type::climb, under a lock: the chain of `t` that begins at `innermost`.
  void add_level(task_core& t, std::coroutine_handle<> innermost) noexcept;

 private:
  [[nodiscard]] bool copy_if_still(task_core& t, int depth) noexcept;
  void copy(task_core& still, int depth) noexcept;
  void clear() noexcept;

  task_core& wanted_;
  std::vector<level> levels_;
  std::vector<std::source_location> places_;  // of all levels
  bool full_ = false;
};

/// The stack of the running task begins where the caller is: in its innermost coroutine, or in a plain function that this
/// one has called.
void begin_with_caller(std::vector<frame_call_graph_entry>& innermost_first, std::source_location here);

/// Whether nothing else can run `t` while this thread looks at its frames.
[[nodiscard]] bool is_still_here(const task_core& t) noexcept;

}  // namespace detail
}  // namespace gyre
