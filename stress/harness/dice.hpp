// SPDX-License-Identifier: BSL-1.0
#pragma once
// Choices of a scenario, all from one seed.
#include <gyre/base/rng.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace storm {

/// A stream of choices. Each task takes one of its own with split(), so that what it chooses does not depend on who runs when.
class dice {
 public:
  explicit constexpr dice(std::uint64_t seed) noexcept : numbers_(seed) {}

  std::uint64_t next() noexcept { return numbers_.next(); }
  /// In [0, n); n is at least 1.
  std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>(numbers_.below(n)); }
  /// In [low, high].
  int between(int low, int high) noexcept {
    return low + static_cast<int>(numbers_.below(static_cast<std::uint64_t>(high - low) + 1));
  }
  bool one_in(std::size_t n) noexcept { return below(n) == 0; }
  /// A delay in [0, most); often 0, which is one turn of the loop.
  std::chrono::nanoseconds delay(std::chrono::nanoseconds most) noexcept {
    const std::size_t kind = below(3);
    const auto length = static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(most.count()));
    return std::chrono::nanoseconds(kind == 0 ? length : 0);
  }
  dice split() noexcept { return dice(next()); }

 private:
  gyre::detail::rng numbers_;
};

}  // namespace storm
