// SPDX-License-Identifier: BSL-1.0
#pragma once
// The end of a program, in numbered steps.  Layer: runtime.  Bodies: lib/runtime/shutdown.cpp
#include "runtime_core.hpp"

#include <gyre/core/coro.hpp>
#include <gyre/core/offload_executor.hpp>

#include <chrono>
#include <optional>

namespace gyre::detail {

/// Steps of shutdown, for run(), runner::close() and runtime::stop():
///
///   1  snapshot the unfinished tasks of all loops, and cancel each
///   2  wait until they have ended, without limit or until the shutdown timeout
///   3  report the errors that they ended with, and the names of those that did not end
///   4  close the asynchronous generators that are open on any loop, each on its own
///   5  end the default executor: wait for its functions (5 minutes, or what is left of the timeout)
///   6  stop the loops; with a timeout, a thread that does not come back from user code is detached
///   7  close the loops: queued callbacks are dropped, tasks that are left are destroyed with a report, innermost first
///   8  destroy what loop_local objects keep, on each loop's own thread, and join the threads
///
/// This coroutine is steps 1 to 4, within one timeout; it runs on any loop.
[[nodiscard]] coro<> end_tasks(std::optional<std::int64_t> timeout);

/// How much is left of the time that a shutdown may take in all.
class shutdown_clock {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit shutdown_clock(std::optional<std::chrono::nanoseconds> limit) noexcept;

  /// When the executor is waited for no longer: 5 minutes from now where no limit was given.
  [[nodiscard]] time_point executor_deadline() const noexcept;
  [[nodiscard]] std::chrono::nanoseconds executor_time_left() const noexcept;
  /// When the loops' threads are waited for no longer; empty: never. They get a second at least, to end what they do.
  [[nodiscard]] std::optional<time_point> thread_deadline() const noexcept;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> thread_time_left() const noexcept;

 private:
  std::optional<std::int64_t> end_;  // ns of the real clock
};

/// Step 5; blocks the calling thread, which runs no loop.
void end_executor(loop_core& l, const shutdown_clock& clock);
/// Names the functions of executors that have not ended in time.
void report_unfinished(loop_core& l, const std::vector<std::shared_ptr<offload_executor>>& executors);

}  // namespace gyre::detail
