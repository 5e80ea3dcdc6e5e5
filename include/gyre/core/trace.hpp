// SPDX-License-Identifier: BSL-1.0
#pragma once
// One hook table that tests and tools fill: every step of every task passes it.  Layer: core.  Bodies: lib/core/trace.cpp
#include <atomic>
#include <cstdint>

namespace gyre::detail {

class task_core;

enum class trace_event : std::uint8_t { created, step, stolen, woken, cancelled, done };

/// Called on the thread on which the event happens; must not suspend, throw or call back into the loop.
using trace_hook = void (*)(trace_event, task_core&) noexcept;

extern std::atomic<trace_hook> trace_target;

/// One load and one predictable branch while nobody listens.
inline void trace(trace_event event, task_core& t) noexcept {
  if (const trace_hook hook = trace_target.load(std::memory_order_acquire)) [[unlikely]] hook(event, t);
}

/// Called at each await of a coroutine, before what is awaited is asked: a simulation may let other loops go first there.
extern std::atomic<void (*)() noexcept> await_target;

inline void trace_await() noexcept {
  if (const auto hook = await_target.load(std::memory_order_relaxed)) [[unlikely]] hook();
}

}  // namespace gyre::detail
