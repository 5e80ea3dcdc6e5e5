// SPDX-License-Identifier: BSL-1.0
#pragma once
// The measured side: what a benchmark program of ours (gyre's and each C++ peer's) is made of.
// A program is called as   PROGRAM WORKLOAD --threads T --size N [--warmup N] [--order asyncio|fork_join]
// runs one workload and prints one JSON line.  It exits with 3 when it does not have the workload.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

/// What the harness asks for.
struct request {
  std::int64_t size = 0;       ///< how much work; each workload says of what
  int threads = 1;             ///< loops, workers or OS threads that may run tasks
  bool asyncio_order = false;  ///< gyre only: one loop in asyncio's order instead of fork-join's
};

/// What one timed section took.
struct outcome {
  std::int64_t ops = 0;
  double seconds = 0;
  double cpu_seconds = 0;  ///< of all threads of the process
  double p50_us = -1;      ///< below 0: this workload has no latencies
  double p99_us = -1;
  double max_us = -1;
  double wakeups_per_s = -1;  ///< likewise; of all threads but the one that watches
  double cpu_us_per_s = -1;
};

/// Starts when made; stop() ends the timed section.
class stopwatch {
 public:
  stopwatch() noexcept;
  outcome stop(std::int64_t ops) const noexcept;

 private:
  std::int64_t wall_ns_;
  std::int64_t cpu_ns_;
};

/// Durations of single operations.
class latencies {
 public:
  explicit latencies(std::size_t expected) { ns_.reserve(expected); }
  void add(std::int64_t ns) { ns_.push_back(ns); }
  /// Fills in the percentiles of `result`.
  outcome summarise(outcome result);

 private:
  std::vector<std::int64_t> ns_;
};

/// Nanoseconds of the monotonic clock.
std::int64_t monotonic_ns() noexcept;

/// 0 + 1 + ... + (count - 1): what most workloads must have added up to.
constexpr std::int64_t sum_below(std::int64_t count) { return count * (count - 1) / 2; }

/// How long sleeper `index` sleeps: 0 to 1000 ms, spread evenly and far from sorted (Knuth's multiplicative hash).
constexpr int sleeper_ms(std::int64_t index) {
  return static_cast<int>((static_cast<std::uint64_t>(index) * 2654435761u & 0xffffffffu) % 1001);
}

/// Ends the program with status 9 and one line on stderr unless `holds`.
void require(bool holds, const char* what);

/// Tells the harness where an echo server listens.
void announce_port(int port);

/// Registers a workload: a static object of this class, in the file that has its body.
class workload {
 public:
  using body_type = outcome (*)(const request&);
  workload(const char* name, body_type body) noexcept;

  /// The workload called `name`, or null.
  static const workload* find(const char* name) noexcept;
  outcome run(const request& wanted) const { return body_(wanted); }

 private:
  const char* name_;
  body_type body_;
  const workload* next_;
  static const workload* first_;
};

/// main() of a measured program; `version` names what was measured (library version or compiler).
int run_program(const char* runtime, const char* version, int argc, char** argv);

}  // namespace bench
