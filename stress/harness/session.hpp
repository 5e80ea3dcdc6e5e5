// SPDX-License-Identifier: BSL-1.0
#pragma once
// A run of the program: rounds of scenarios on real loops or in simulation, and the table at its end.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deadline.hpp"
#include "scenario.hpp"

namespace storm {

/// What the command line asks for.
struct plan {
  std::string program;  ///< how it was called, for the commands that replay
  std::vector<scenario> scenarios;
  std::vector<int> loops;
  std::uint64_t seed = 0;  ///< of the first round of each scenario; the next has the next number
  std::optional<std::chrono::duration<double>> seconds;  ///< of all together
  std::optional<std::uint64_t> rounds;  ///< of each scenario with each number of loops, or of each in simulation
  std::chrono::seconds hang_limit{60};
  bool simulate = false;
  bool quick = false;  ///< small sizes on real loops
};

/// What one scenario came to.
struct row {
  std::uint64_t rounds = 0;
  std::uint64_t operations = 0;
  std::uint64_t failures = 0;
  std::ptrdiff_t most_growth = 0;  ///< of resident memory in one round or, in simulation, between two looks; bytes
};

/// Runs the plan; failures are printed as they come.
class session {
 public:
  explicit session(const plan& what);

  /// Returns: the exit code.
  int run();

 private:
  using time_point = std::chrono::steady_clock::time_point;

  void run_for_real();
  void run_simulated();
  /// Rounds of one scenario with one number of loops, until `until` or until there are enough.
  void run_cell(std::size_t index, int loops, std::uint64_t first, time_point until);
  void run_round(std::size_t index, int loops, std::uint64_t seed);
  void run_seed(std::size_t index, std::uint64_t seed);
  void judge(std::size_t index, trial& t, const std::string& label, const std::string& replay);
  void show_progress(bool at_once);
  void print_table() const;
  [[nodiscard]] std::string replay_command(const scenario& s, int loops, std::uint64_t seed) const;

  const plan& plan_;
  std::vector<row> rows_;
  deadline deadline_;
  time_point begin_;
  time_point shown_;
  std::string now_running_;
  std::size_t memory_at_begin_ = 0;
  std::size_t memory_when_warm_ = 0;
  bool on_terminal_ = false;
};

}  // namespace storm
