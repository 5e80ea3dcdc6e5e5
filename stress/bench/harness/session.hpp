// SPDX-License-Identifier: BSL-1.0
#pragma once
// Measures: every run in a process of its own, the runtimes taking turns.
#include <cstdio>
#include <string>
#include <vector>

#include "catalogue.hpp"
#include "contestant.hpp"
#include "record.hpp"

namespace bench {

/// What to measure and how often.
struct plan {
  std::string self;  ///< this program, which is also the load generator
  std::vector<contestant> contestants;
  std::vector<workload_info> workloads;
  std::vector<int> loops;
  bool usual_loops = false;  ///< nobody asked for these numbers of loops: goals say which of them make sense
  int runs = 5;
  bool quick = false;
  bool asyncio_order = false;
  bool rivals_only = false;       ///< of the peers, only those that a goal of the workload names
  std::string commit;             ///< what was built; goes into the records of gyre; may be empty
  std::FILE* json = nullptr;      ///< gets one line per run; may be null
  std::FILE* markdown = nullptr;  ///< gets the table of goals; may be null
};

/// All runs of a session.
struct results {
  std::vector<record> runs;
  int failures = 0;
};

/// Runs the plan: for each repetition, each workload, each number of loops, each runtime in turn.
///
/// A run that other processes disturbed is repeated, at most twice; each failure is one line on stderr.
results measure(const plan& what);

}  // namespace bench
