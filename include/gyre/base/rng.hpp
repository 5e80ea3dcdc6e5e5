// SPDX-License-Identifier: BSL-1.0
#pragma once
// A small seeded generator for steal order and simulation.  Layer: base.
#include <cstdint>

namespace gyre::detail {

/// splitmix64: one word of state, the same numbers on every compiler.   Source: Steele, Lea, Flood, OOPSLA 2014.
class rng {
 public:
  explicit constexpr rng(std::uint64_t seed) noexcept : state_(seed) {}

  constexpr std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }

  /// A number in [0, n); n is at least 1.
  constexpr std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }

 private:
  std::uint64_t state_;
};

}  // namespace gyre::detail
