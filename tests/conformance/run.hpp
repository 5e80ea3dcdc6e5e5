// SPDX-License-Identifier: BSL-1.0
#pragma once
// Runs a scenario under the simulation.  Bodies: run.cpp
#include "world.hpp"

namespace conformance {

/// On how many loops, and in which of the possible orders.
struct run_plan {
  run_plan() = default;
  int loops = 1;
  std::uint64_t seed = 1;
  bool fork_join = false;  ///< fork_join order on one loop, too
};

/// The canonical trace, a line for each event.
///
/// With one loop every task runs in asyncio's order. On several, tasks of an `any` scenario go wherever they are stolen to,
/// those of a `step` scenario stay on one loop while the others are kept busy, and a `fifo` scenario has one loop all the
/// same.
[[nodiscard]] std::vector<std::string> trace_of(const scenario& program, const run_plan& plan, counts& sums);

}  // namespace conformance
