// SPDX-License-Identifier: BSL-1.0
#pragma once
// The middle of the repetitions of one figure.
#include <optional>
#include <string>
#include <string_view>

#include "session.hpp"

namespace bench {

/// Which runs, and which of their numbers.
struct question {
  std::string_view workload;
  int loops = 0;
  std::string_view runtime;
  std::string_view field;
  double scale = 1;
};

/// The middle of some runs, and how far they lie apart.
struct summary {
  double median = 0;
  double spread = 0;  ///< (largest - smallest) / median
  bool disturbed = false;
};

/// Disturbed runs count only where there is no other; nothing where there is no run.
std::optional<summary> summarise(const results& measured, const question& asked);

/// Three digits that matter.
std::string short_number(double value);

/// Prints lines of as many cells each: the first `left` columns are left-aligned, the others right-aligned.
void print_aligned(const std::vector<std::vector<std::string>>& lines, std::size_t left);

}  // namespace bench
