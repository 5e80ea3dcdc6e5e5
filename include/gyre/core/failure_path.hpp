// SPDX-License-Identifier: BSL-1.0
#pragma once
// The way an exception took: which coroutines it left, and at which awaits these stood. For reports of errors that nobody
// took.  Layer: core.  Bodies: lib/core/failure_path.cpp
#include <gyre/core/frame_pool.hpp>

#include <array>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>

namespace gyre::detail {

/// Places that an exception passed, the innermost first.
struct failure_path : pooled {
  static constexpr std::uint32_t kept = 8;  // of a longer way the innermost ones are kept

  std::array<std::source_location, kept> places{};
  std::uint32_t passed = 0;

  /// Appends one line each: `raised in f(), after FILE:LINE` (its latest await, or where it is defined), then
  /// `awaited in g() at FILE:LINE`.
  void append_text(std::string& out) const;
};

/// Notes that `error` leaves a coroutine whose latest await is at `place`.
///
/// Cost:  one copy of a pointer; this thread holds the exception until its step ends.
void note_passed(const std::exception_ptr& error, const std::source_location& place) noexcept;

/// The way of `error`, if it is the exception that came along on this thread in this step; else null.
[[nodiscard]] std::unique_ptr<const failure_path> path_of(const std::exception_ptr& error) noexcept;

/// The step has ended: lets go of the exception.
void forget_path() noexcept;

}  // namespace gyre::detail
