// SPDX-License-Identifier: BSL-1.0
#pragma once
// The one list of waiting tasks that all primitives share.  Layer: sync.  Bodies: lib/sync/wait_queue.cpp
#include <gyre/core/future_core.hpp>
#include <gyre/core/task_core.hpp>
#include <gyre/sync/waiters.hpp>

#include <coroutine>
#include <cstddef>
#include <string>

namespace gyre::detail {

using wait_node = basic_wait_node<task_core>;
using wake_list = basic_wake_list<task_core>;
using wait_queue = basic_wait_queue<task_core>;

/// `, waiters:2`, or nothing if there are none.
void append_waiters(std::string& out, std::size_t count);

}  // namespace gyre::detail
