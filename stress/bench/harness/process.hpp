// SPDX-License-Identifier: BSL-1.0
#pragma once
// A child process with its output on a pipe.
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bench {

/// How a child ended, and the processor time it used in its whole life.
struct ending {
  int code = -1;  ///< exit status; negative: killed by that signal
  double cpu_seconds = 0;
};

/// Runs `argv` from construction to destruction; whoever still runs then is killed.
///
/// Life: the child is killed too when the process that made it dies.
class process {
 public:
  /// `cpus`: the processors it may use; empty means all.   `silent`: its stderr goes nowhere.
  explicit process(const std::vector<std::string>& argv, const std::vector<int>& cpus = {}, bool silent = false);
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process();

  /// The next line without its end; nothing at the end of the output or at `deadline`.
  std::optional<std::string> read_line(std::chrono::steady_clock::time_point deadline);
  /// Waits for the end; kills at `deadline`.
  ending wait(std::chrono::steady_clock::time_point deadline);
  void kill() noexcept;

  /// Processor time of all its threads so far.
  double cpu_seconds() const noexcept;
  /// Its peak resident memory so far.
  long peak_rss_kb() const;

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string pending_;
};

}  // namespace bench
