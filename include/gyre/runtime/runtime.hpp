// SPDX-License-Identifier: BSL-1.0
#pragma once
// A runtime: loops that steal from each other, one thread each.  Layer: runtime.  Bodies: lib/runtime/runtime.cpp
#include <gyre/runtime/run_options.hpp>

#include <cstdint>
#include <memory>

namespace gyre {

namespace detail {
class runtime_core;
}

/// Counters since the start, summed over the loops.
struct runtime_stats {
  std::uint64_t tasks_run = 0;  ///< steps of tasks and callbacks
  std::uint64_t steals = 0;     ///< tasks that an idle loop took from another
  std::uint64_t messages = 0;   ///< what came to a loop from another thread: woken tasks, callbacks, submissions
  std::uint64_t parks = 0;      ///< times a loop went to sleep
  std::uint64_t takeovers = 0;  ///< times a loop looked after one that was stuck in user code
  std::uint64_t doorbells = 0;  ///< times a loop that slept was rung; a burst of submissions rings once
  std::uint64_t stalls = 0;     ///< times the watchdog found a loop stuck; see run_options::stall_limit
  std::uint64_t deadlocks = 0;  ///< times it found that nothing could run; see run_options::deadlock_limit
  int loops = 0;
};

/// Loops on threads of their own, from construction to stop(). Several runtimes share nothing.
///
/// Thread:  any, for every member.
/// Life:    the destructor stops and joins; it refuses (assertion) to run on a loop's thread, unless stop() has been called.
class runtime {
 public:
  /// Starts the threads.   Throws: value_error, std::system_error (a thread could not start; then none is left).
  explicit runtime(const run_options& options = run_options());
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
  ~runtime();

  [[nodiscard]] int loop_count() const noexcept;
  /// Loop `i`, counted from 0.   Throws: value_error.
  [[nodiscard]] event_loop& loop(int i) const;

  /// Cancels what runs, waits for it, closes the loops. Twice is harmless; of several threads the others wait for the first.
  ///
  /// Throws:  would_deadlock on the thread of any loop: this one's, or another's, which would be blocked.
  void stop();

  [[nodiscard]] runtime_stats stats() const noexcept;

  [[nodiscard]] detail::runtime_core& core() const noexcept { return *core_; }

 private:
  void stop_once();

  std::shared_ptr<detail::runtime_core> core_;
};

/// The runtime in which the caller runs, for statistics and loops.
class current_runtime_view {
 public:
  explicit current_runtime_view(detail::runtime_core* core, event_loop& alone) noexcept : core_(core), alone_(alone) {}
  [[nodiscard]] int loop_count() const noexcept;
  [[nodiscard]] event_loop& loop(int i) const;
  [[nodiscard]] runtime_stats stats() const noexcept;

 private:
  detail::runtime_core* core_;  // null: a loop of its own
  event_loop& alone_;
};
/// Throws:  no_running_loop.
[[nodiscard]] current_runtime_view current_runtime();

/// How many loops the running runtime has.   Throws: no_running_loop.
[[nodiscard]] int loop_count();

}  // namespace gyre
