// SPDX-License-Identifier: BSL-1.0
#pragma once
// Every choice of a simulation, numbered: the seed decides each one alone, so that any of them can be taken back.
// Layer: testing.
#include <gyre/base/rng.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace gyre::testing {

/// Decision i is a function of the seed and i. 0 always stands for the dullest way on: the next loop in turn, a whole turn,
/// no disturbance. A run that keeps only some decisions answers 0 at the others; that is how a failure is made small.
class choices {
 public:
  explicit choices(std::uint64_t seed) noexcept : seed_(seed) {}

  /// Keeps only these decisions; sorted.
  void keep_only(std::vector<std::uint64_t> decisions) noexcept { kept_ = std::move(decisions); }
  /// Notes which decisions were not 0.
  void remember() { taken_.emplace(); }

  /// A number in [0, n); n is at least 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) {
    const std::uint64_t i = made_++;
    if (kept_ && !std::binary_search(kept_->begin(), kept_->end(), i)) return 0;
    const std::uint64_t value = detail::rng(seed_ + i * 0x9e3779b97f4a7c15ULL).below(n);
    if (value != 0 && taken_) taken_->push_back(i);
    return value;
  }
  /// True once in `n` times. Never where the decision is not kept.
  [[nodiscard]] bool once_in(std::uint64_t n) { return n > 1 && below(n) == n - 1; }

  [[nodiscard]] std::uint64_t made() const noexcept { return made_; }
  [[nodiscard]] const std::vector<std::uint64_t>& taken() const noexcept { return *taken_; }

 private:
  std::uint64_t seed_;
  std::uint64_t made_ = 0;
  std::optional<std::vector<std::uint64_t>> kept_;
  std::optional<std::vector<std::uint64_t>> taken_;
};

}  // namespace gyre::testing
