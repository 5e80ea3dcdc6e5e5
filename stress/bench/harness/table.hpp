// SPDX-License-Identifier: BSL-1.0
#pragma once
// Medians over the repetitions, as text.
#include "session.hpp"

namespace bench {

/// Prints one table a figure (time, processor time, latency, memory): a line for each workload and number of loops,
/// a column for each runtime, beside a peer the ratio gyre / peer; then who is not installed.
void print_tables(const plan& what, const results& measured);

}  // namespace bench
