// SPDX-License-Identifier: BSL-1.0
#pragma once
// What GYRE_SEED holds: `SEED`, `SEED/LOOPS`, `SEED/LOOPS:3,40-42`.  Layer: testing.  Bodies: lib/testing/replay.cpp
#include <gyre/testing/sim_options.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::testing {

/// One run: a seed and what was taken away from it.
struct replay {
  std::uint64_t seed = 1;
  std::optional<int> loops;                        // else the options' range
  std::optional<std::vector<std::uint64_t>> kept;  // sorted; else all decisions

  /// Throws:  value_error that quotes `text`.
  [[nodiscard]] static replay parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  /// `options`, narrowed to this run.
  [[nodiscard]] sim_options apply(sim_options options) const;
};

/// A number from the environment, or nothing.   Throws: value_error if it is something else.
[[nodiscard]] std::optional<std::uint64_t> number_from_environment(const char* name);

/// The command line of this process, with GYRE_SEED set.
[[nodiscard]] std::string replay_command(const replay& run);

}  // namespace gyre::testing
