// SPDX-License-Identifier: BSL-1.0
#pragma once
// A length of time as an argument that any std::chrono duration may be.  Layer: base.  Tests: tests/faults/misuse_test.cpp
#include <gyre/base/clock.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>

namespace gyre {

/// A length of time, from a duration in whole numbers of any unit: `1s`, `std::chrono::hours::max()`.
///
/// Units:   nanoseconds; what is more than they can count, 292 years, is as long as that: for ever.
class time_span {
 public:
  template <std::integral Rep, class Period>
  constexpr time_span(std::chrono::duration<Rep, Period> d) noexcept  // NOLINT: it stands for any of them
      : length_(detail::clamped_nanoseconds(d)) {}

  constexpr operator std::chrono::nanoseconds() const noexcept { return length_; }  // NOLINT: likewise
  [[nodiscard]] constexpr std::int64_t count() const noexcept { return length_.count(); }

 private:
  std::chrono::nanoseconds length_;
};

}  // namespace gyre
