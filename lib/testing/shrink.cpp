// SPDX-License-Identifier: BSL-1.0
// Delta debugging over the decisions of a run.   Source: Zeller, Hildebrandt, IEEE TSE 28 (2002).
#include "attempt.hpp"

#include <algorithm>
#include <utility>

namespace gyre::testing {
namespace {

constexpr int most_runs = 1000;
constexpr std::uint64_t seeds_a_loop_count = 100;

class shrinker {
 public:
  shrinker(simulated_program& program, const sim_options& options, const attempt& failure)
      : program_(program), options_(options), failure_(failure) {}

  // The same program on fewer loops, maybe from another seed.
  void use_fewer_loops(replay& run) {
    const int loops = failure_.loops;
    for (int fewer = 1; fewer < loops; fewer = fewer * 2) {
      for (std::uint64_t k = 0; k < seeds_a_loop_count; ++k) {
        replay candidate{run.seed + k, fewer, std::nullopt};
        if (!fails(candidate)) continue;
        run = std::move(candidate);
        return;
      }
    }
    run.loops = loops;
    if (!fails(run)) run.loops.reset();  // the range itself takes a decision
  }

  void drop_decisions(replay& run) {
    std::vector<std::uint64_t> kept = decisions_of(run);
    for (std::size_t chunk = std::max<std::size_t>(kept.size(), 1); runs_ < most_runs;) {
      const bool smaller = drop_chunks(run, kept, chunk);
      if (!smaller && chunk == 1) break;
      if (!smaller) chunk = (chunk + 1) / 2;
      chunk = std::min(chunk, std::max<std::size_t>(kept.size(), 1));
      if (kept.empty()) break;
    }
    run.kept = std::move(kept);
  }

 private:
  bool fails(const replay& candidate) {
    ++runs_;
    last_ = try_once(program_, options_, candidate);
    return last_.fails_like(failure_);
  }

  std::vector<std::uint64_t> decisions_of(const replay& run) {
    last_ = try_once(program_, options_, run);
    return last_.decisions;
  }

  bool drop_chunks(const replay& run, std::vector<std::uint64_t>& kept, std::size_t chunk) {
    bool smaller = false;
    for (std::size_t at = 0; at < kept.size() && runs_ < most_runs;) {
      std::vector<std::uint64_t> rest = kept;
      const auto first = rest.begin() + static_cast<std::ptrdiff_t>(at);
      rest.erase(first, first + static_cast<std::ptrdiff_t>(std::min(chunk, rest.size() - at)));
      if (fails(replay{run.seed, run.loops, rest})) {
        kept = last_.decisions;  // those of `rest` that were asked for at all
        smaller = true;
      } else {
        at += chunk;
      }
    }
    return smaller;
  }

  simulated_program& program_;
  const sim_options& options_;
  const attempt& failure_;
  attempt last_;
  int runs_ = 0;
};

}  // namespace

replay shrink(simulated_program& program, const sim_options& options, const replay& run, const attempt& failure) {
  shrinker smaller(program, options, failure);
  replay best = run;
  smaller.use_fewer_loops(best);
  smaller.drop_decisions(best);
  return best;
}

}  // namespace gyre::testing
