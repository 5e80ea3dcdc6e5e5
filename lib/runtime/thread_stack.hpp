// SPDX-License-Identifier: BSL-1.0
#pragma once
// Where another thread is at this moment: a signal makes it note its native stack and the awaits of the task that it runs.
// Layer: runtime.  Bodies: lib/runtime/thread_stack.cpp
#include <array>
#include <cstddef>
#include <source_location>
#include <string>

namespace gyre::detail {

class task_core;

/// What a thread noted in the handler of the signal.
struct thread_stack {
  static constexpr std::size_t most_frames = 64;
  static constexpr std::size_t most_awaits = 32;

  std::array<void*, most_frames> frames{};  // return addresses, the innermost first
  std::size_t frame_count = 0;
  const task_core* task = nullptr;                         // an address to compare; the task may have ended
  std::array<std::source_location, most_awaits> awaits{};  // of the coroutines of the task, the innermost first
  std::size_t await_count = 0;

  /// Lines ` at FILE:LINE in f()`.
  void append_awaits(std::string& out) const;
  /// Lines ` #1 f(int)+0x2c in PROGRAM`, without the frames of the handler.
  void append_frames(std::string& out) const;
};

/// Makes SIGURG ready for the use of this process. False if the program has a handler of its own for it: then there are no
/// stacks. Loads what a backtrace needs.
bool prepare_stacks() noexcept;

/// Asks the thread `tid` of this process for its stack, for half a second. False if it did not answer: the signal is blocked
/// there, or the thread is gone.
///
/// Thread:  any but that one; one call at a time, others wait.
[[nodiscard]] bool take_stack_of(int tid, thread_stack& out);

}  // namespace gyre::detail
