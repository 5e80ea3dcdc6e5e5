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

// Set before the loops begin to run: see thread_state::quick. Relaxed: it is a function, which needs no publishing, and what
// that reads is its own thread's.
extern std::atomic<trace_hook> trace_target;

/// One load and one predictable branch while nobody listens.
inline void trace(trace_event event, task_core& t) noexcept {
  if (const trace_hook hook = trace_target.load(std::memory_order_relaxed)) [[unlikely]]
    hook(event, t);
}

[[nodiscard]] inline bool is_traced() noexcept { return trace_target.load(std::memory_order_relaxed) != nullptr; }

/// Called where a simulation may let other loops go first: at each await of a coroutine, before what is awaited is asked, and
/// between the two halves of falling asleep.
extern std::atomic<void (*)() noexcept> interruption_target;

[[gnu::always_inline]] inline void interruption_point() noexcept {
  if (const auto hook = interruption_target.load(std::memory_order_relaxed)) [[unlikely]]
    hook();
}

}  // namespace gyre::detail
