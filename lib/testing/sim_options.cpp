// SPDX-License-Identifier: BSL-1.0
#include <gyre/testing/sim_options.hpp>

namespace gyre::testing {

sim_options::sim_options(run_options run) : run_(std::move(run)) {
  if (run_.loops() != 0) loops(run_.loops());
}

sim_options& sim_options::loops(int fewest, int most) {
  constexpr int largest = 255;
  if (fewest < 1 || most < fewest || most > largest)
    throw value_error("sim_options::loops: from 1 to 255, the fewest first");
  fewest_loops_ = fewest;
  most_loops_ = most;
  return *this;
}

}  // namespace gyre::testing
