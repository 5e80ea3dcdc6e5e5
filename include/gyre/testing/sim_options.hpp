// SPDX-License-Identifier: BSL-1.0
#pragma once
// How a simulation is set up.  Layer: testing.  Bodies: lib/testing/sim_options.cpp
#include <gyre/runtime/run_options.hpp>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace gyre::testing {

/// Options with named setters: `sim_options().loops(4).extremes(true)`. Those of run() convert to them.
class sim_options {
 public:
  sim_options() {}  // NOLINT: not an aggregate, see CONTRIBUTING on g++ 12
  /// The same options for the run. No number of loops means 4, on every machine.
  sim_options(run_options run);  // NOLINT: they may stand for each other

  /// Number of loops, 1 to 255.
  sim_options& loops(int n) { return loops(n, n); }
  /// The seed picks a number of loops from `fewest` to `most`.
  sim_options& loops(int fewest, int most);
  sim_options& order(run_order o) {
    run_.order(o);
    return *this;
  }
  sim_options& debug(bool on) {
    run_.debug(on);
    return *this;
  }
  /// What a busy machine does to programs, more or less of it by the seed: loops are interrupted at any await, hardly get a
  /// turn, or wake for nothing; code takes time, and timers fall due while it runs; offloaded functions end late and in any
  /// order; turns of one step; queues of one place, which grow. Never anything that could not happen on threads.
  /// Without: code takes no time, a turn is left at its end only.
  sim_options& extremes(bool on) { return set(extremes_, on); }
  /// After so many choices main is ended with no_progress; 0 sets no limit.
  sim_options& most_decisions(std::uint64_t n) { return set(most_decisions_, n); }

  /// For a rerun: of all choices only these are the seed's, the others are the dullest; sorted numbers.
  sim_options& keep_decisions(std::vector<std::uint64_t> kept) {
    return set(kept_decisions_, std::optional<std::vector<std::uint64_t>>(std::move(kept)));
  }
  /// Keeps which choices were not the dullest, for simulation::decisions().
  sim_options& remember(bool on) { return set(remembers_, on); }
  /// Keeps the last events in words, for simulation::story().
  sim_options& narrate(bool on) { return set(narrates_, on); }

  [[nodiscard]] int fewest_loops() const noexcept { return fewest_loops_; }
  [[nodiscard]] int most_loops() const noexcept { return most_loops_; }
  [[nodiscard]] bool extremes() const noexcept { return extremes_; }
  [[nodiscard]] std::uint64_t most_decisions() const noexcept { return most_decisions_; }
  [[nodiscard]] const std::optional<std::vector<std::uint64_t>>& kept_decisions() const noexcept {
    return kept_decisions_;
  }
  [[nodiscard]] bool remembers() const noexcept { return remembers_; }
  [[nodiscard]] bool narrates() const noexcept { return narrates_; }

  /// The options of the run itself, with this number of loops.
  [[nodiscard]] run_options to_run(int loops) const { return run_options(run_).loops(loops); }

 private:
  template <class T, class U>
  sim_options& set(T& member, U&& value) {
    member = std::forward<U>(value);
    return *this;
  }

  run_options run_;
  int fewest_loops_ = 4;
  int most_loops_ = 4;
  bool extremes_ = false;
  bool remembers_ = false;
  bool narrates_ = false;
  std::uint64_t most_decisions_ = 0;
  std::optional<std::vector<std::uint64_t>> kept_decisions_;
};

}  // namespace gyre::testing
