// SPDX-License-Identifier: BSL-1.0
#pragma once
// The table of goals: gyre's figure, the rival's, the ratio, the bar, and whether it is met.
#include "session.hpp"

namespace bench {

/// Prints a line for each goal and number of loops that was measured; writes them to plan::markdown as well.
///
/// The best of gyre's builds counts, another one is shown beside it. A rival's figure is that of the same session; where
/// the rival was not measured it is the published one, marked with `*`, and the versions are named below the table.
void print_verdicts(const plan& what, const results& measured);

}  // namespace bench
