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
  loops_ = range{fewest, most};
  return *this;
}

sim_options sim_options::completed_by(const sim_options& others) const {
  sim_options all(*this);
  if (!all.loops_) all.loops_ = others.loops_;
  if (!all.extremes_) all.extremes_ = others.extremes_;
  if (!all.most_decisions_) all.most_decisions_ = others.most_decisions_;
  return all;
}

}  // namespace gyre::testing
