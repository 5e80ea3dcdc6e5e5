// SPDX-License-Identifier: BSL-1.0
#pragma once
// result<T>: what gather(return_exceptions, ...) gives for each child: a value or an error.  Layer: flow.
#include <gyre/base/text.hpp>
#include <gyre/core/promise.hpp>

#include <optional>

namespace gyre {

/// A value of T, or the error that took its place.
template <class T>
class result {
 public:
  using value_type = detail::stored<T>;

  explicit result(std::exception_ptr error) noexcept : error_(std::move(error)) {}
  explicit result(value_type value) : value_(std::move(value)) {}

  [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value.   Throws: the error, if there is no value.
  [[nodiscard]] const value_type& value() const {
    if (!value_) std::rethrow_exception(error_);
    return *value_;
  }
  /// The error, null if there is a value.
  [[nodiscard]] const std::exception_ptr& exception() const noexcept { return error_; }

  void append_text(std::string& out) const {
    if (value_) {
      detail::append_value(out, *value_);
    } else {
      detail::append_exception(out, error_);
    }
  }

 private:
  std::optional<value_type> value_;
  std::exception_ptr error_;
};

/// First argument of gather(): errors take their place among the results.
struct return_exceptions_t {
  explicit return_exceptions_t() = default;
};
inline constexpr return_exceptions_t return_exceptions{};

}  // namespace gyre
