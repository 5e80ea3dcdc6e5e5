// SPDX-License-Identifier: BSL-1.0
#pragma once
// Errors that scenarios raise, and the names that traces give to errors.  Bodies: errors.cpp
#include "program.hpp"

#include <exception>

namespace conformance {

/// ErrA, ErrB or ErrC.
class raised_error : public std::runtime_error {
 public:
  explicit raised_error(const std::string& name) : std::runtime_error(name) {}
};

/// The name of Python's counterpart; `ExceptionGroup[A,B]` with sorted names.
[[nodiscard]] std::string name_of(const std::exception_ptr& error);

/// As part of a value: `!Name`.
[[nodiscard]] value shown(const std::exception_ptr& error);

[[nodiscard]] bool is_cancellation(const std::exception_ptr& error) noexcept;

/// Whether the `try` lists the error.
[[nodiscard]] bool catches(const op& o, const std::exception_ptr& error);

}  // namespace conformance
