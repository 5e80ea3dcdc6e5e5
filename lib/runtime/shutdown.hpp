// SPDX-License-Identifier: BSL-1.0
#pragma once
// The end of a program, in numbered steps.  Layer: runtime.  Bodies: lib/runtime/shutdown.cpp
#include "runtime_core.hpp"

#include <gyre/core/coro.hpp>

#include <chrono>
#include <optional>

namespace gyre::detail {

/// Steps of shutdown, for run(), runner::close() and runtime::stop():
///
///   1  snapshot the unfinished tasks of all loops, and cancel each
///   2  wait until they have ended, without limit or until the shutdown timeout
///   3  report the errors that they ended with, and the names of those that did not end
///   4  end the default executor: wait for its functions (5 minutes, or what is left of the timeout)
///   5  stop the loops' threads and join them
///   6  close the loops: queued callbacks are dropped, tasks that are left are destroyed with a report, innermost first
///
/// This coroutine is steps 1 to 3; it runs on the first loop.
[[nodiscard]] coro<> end_tasks(std::optional<std::int64_t> timeout);

/// Step 4; blocks the calling thread, which runs no loop. The shutdown began at `begun` and may take `limit` in all.
void end_executor(loop_core& l, std::int64_t begun, std::optional<std::chrono::nanoseconds> limit);

}  // namespace gyre::detail
