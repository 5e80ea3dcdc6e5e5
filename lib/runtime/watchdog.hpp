// SPDX-License-Identifier: BSL-1.0
#pragma once
// A thread that looks after the loops of a runtime: is one stuck in user code, can nothing run any more?
// Layer: runtime.  Bodies: lib/runtime/watchdog.cpp
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gyre::detail {

class loop_core;

/// After how long something is reported; 0 or less: never.
struct watch_limits {
  std::chrono::nanoseconds stall{0};
  std::chrono::nanoseconds deadlock{0};
};

/// What was found since the start.
struct watch_counts {
  std::atomic<std::uint64_t> stalls{0};
  std::atomic<std::uint64_t> deadlocks{0};
};

/// It looks twice within the smaller limit and costs the loops nothing: what it reads, their counts of steps and their marks
/// of sleep, is there anyway. Something is reported between one limit and one and a half after it began.
///
/// Life:    while the loops are open. The destructor waits for a report under way.
class watchdog {
 public:
  /// Throws:  std::system_error if no thread can start.
  watchdog(std::vector<loop_core*> loops, watch_limits limits, watch_counts& counts, const std::string& runtime_name);
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  ~watchdog();

 private:
  using clock = std::chrono::steady_clock;
  // What was seen of a loop, and since when it has been so.
  struct sample {
    std::uint64_t steps = 0;
    bool busy = false;
    bool reported = false;
    clock::time_point since;
  };

  void watch();
  void look(clock::time_point now);
  void look_at(std::size_t i, clock::time_point now);
  void report_stall(std::size_t i, clock::time_point now);
  void look_for_deadlock(clock::time_point now);
  [[nodiscard]] bool all_sleep_for_good() const;

  std::vector<loop_core*> loops_;
  watch_limits limits_;
  watch_counts& counts_;
  std::string name_;
  std::vector<sample> samples_;
  sample idle_;  // of all loops together
  std::mutex guard_;
  std::condition_variable changed_;
  bool ending_ = false;  // under guard_
  std::thread thread_;
};

}  // namespace gyre::detail
