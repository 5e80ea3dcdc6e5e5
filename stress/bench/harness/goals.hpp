// SPDX-License-Identifier: BSL-1.0
#pragma once
// What gyre is to reach: for each workload the peer to beat and the bar.
#include <span>
#include <string_view>

namespace bench {

/// One line of the table of goals, for one or two numbers of loops.
struct goal {
  std::string_view row;       ///< what is printed
  std::string_view workload;  ///< as the catalogue names it
  int fewest_loops;           ///< a line for this number of loops ...
  int most_loops;             ///< ... to this one
  std::string_view field;     ///< of the records
  double scale;               ///< turns the field into `unit`
  std::string_view unit;
  std::string_view rival;  ///< the peer; where there is a figure of it, it is shown, whatever the bar is
  double ratio;            ///< the bar: gyre needs at most this share of what the rival needs; 0: none
  double most;             ///< the bar without a rival, in `unit`; below 0: none
  std::string_view aim;    ///< what the machine should allow
};

std::span<const goal> goals() noexcept;

/// Whether any goal is about this workload.
bool has_goal(std::string_view workload) noexcept;

/// Whether a goal of this workload names this runtime.
bool is_rival(std::string_view workload, std::string_view runtime) noexcept;

/// Whether to measure this workload on so few loops: not below what its goals, if it has any, begin with.
bool makes_sense(std::string_view workload, int loops) noexcept;

}  // namespace bench
