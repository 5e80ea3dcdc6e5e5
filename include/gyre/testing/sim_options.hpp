// SPDX-License-Identifier: BSL-1.0
#pragma once
// How a simulation is set up.  Layer: testing.  Bodies: lib/testing/sim_options.cpp
#include <gyre/runtime/run_options.hpp>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace gyre::testing {

/// Options with named setters: `sim_options().loops(4).extremes(true)`. Those of run() convert to them. What is left open
/// explore() takes from exploring().
class sim_options {
 public:
  sim_options() {}  // NOLINT: not an aggregate, see CONTRIBUTING on g++ 12
  /// The same options for the run. No number of loops leaves that open.
  sim_options(run_options run);  // NOLINT: they may stand for each other

  /// Number of loops, 1 to 255; left open, simulate() takes 4, on every machine.
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
  /// Left open, simulate() interrupts loops at awaits, where there are several, but code takes no time. `false`: not even that,
  /// a turn is left at its end only.
  sim_options& extremes(bool on) { return set(extremes_, std::optional<bool>(on)); }
  /// After so many choices main is ended with no_progress; 0 sets no limit.
  sim_options& most_decisions(std::uint64_t n) { return set(most_decisions_, std::optional<std::uint64_t>(n)); }

  /// For a rerun: of all choices only these are the seed's, the others are the dullest; sorted numbers.
  sim_options& keep_decisions(std::vector<std::uint64_t> kept) {
    return set(kept_decisions_, std::optional<std::vector<std::uint64_t>>(std::move(kept)));
  }
  /// Keeps which choices were not the dullest, for simulation::decisions().
  sim_options& remember(bool on) { return set(remembers_, on); }
  /// Keeps the last events in words, for simulation::story().
  sim_options& narrate(bool on) { return set(narrates_, on); }

  [[nodiscard]] int fewest_loops() const noexcept { return loops_.value_or(four).fewest; }
  [[nodiscard]] int most_loops() const noexcept { return loops_.value_or(four).most; }
  [[nodiscard]] bool extremes() const noexcept { return extremes_.value_or(false); }
  [[nodiscard]] bool interrupts() const noexcept { return extremes_.value_or(most_loops() > 1); }
  [[nodiscard]] std::uint64_t most_decisions() const noexcept { return most_decisions_.value_or(0); }
  [[nodiscard]] const std::optional<std::vector<std::uint64_t>>& kept_decisions() const noexcept {
    return kept_decisions_;
  }
  [[nodiscard]] bool remembers() const noexcept { return remembers_; }
  [[nodiscard]] bool narrates() const noexcept { return narrates_; }

  /// The options of the run itself, with this number of loops.
  [[nodiscard]] run_options to_run(int loops) const { return run_options(run_).loops(loops); }
  /// These options; numbers of loops, extremes and the most decisions as in `others` where they are open here.
  [[nodiscard]] sim_options completed_by(const sim_options& others) const;

 private:
  template <class T, class U>
  sim_options& set(T& member, U&& value) {
    member = std::forward<U>(value);
    return *this;
  }

  struct range {
    int fewest, most;
  };
  static constexpr range four{4, 4};

  run_options run_;
  std::optional<range> loops_;
  std::optional<bool> extremes_;
  bool remembers_ = false;
  bool narrates_ = false;
  std::optional<std::uint64_t> most_decisions_;
  std::optional<std::vector<std::uint64_t>> kept_decisions_;
};

}  // namespace gyre::testing
