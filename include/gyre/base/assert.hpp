// SPDX-License-Identifier: BSL-1.0
#pragma once
// Reports a broken invariant of the library, with the name of the running task, and ends the process.  Layer: base.
#include <source_location>
#include <string>

namespace gyre::detail {

/// Prints `what` with its place and the running task, then calls std::abort().
[[noreturn]] void assert_failed(const char* expression, const char* what,
                                std::source_location where = std::source_location::current()) noexcept;

/// Sets the function that appends "who is running" to a report; base itself knows no tasks.
void set_assert_context(void (*append_running)(std::string& out)) noexcept;

}  // namespace gyre::detail

/// Checks an invariant of the library itself, also in release builds. Misuse by a user throws instead.
#define GYRE_ASSERT(condition, what) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::gyre::detail::assert_failed(#condition, what))
