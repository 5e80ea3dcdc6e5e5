// SPDX-License-Identifier: BSL-1.0
#pragma once
// What happens when a round does not end, or the program dies in it: the seed and the way back are printed all the same.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "trial.hpp"

namespace storm {

/// Exit code of a program that a hang has ended.
inline constexpr int hang_exit_code = 3;

/// Watches rounds from a thread of its own. A round that lasts longer than the limit ends the program, with its name, its
/// seed, the command that replays it, and the table of its tasks.
class deadline {
 public:
  explicit deadline(std::chrono::seconds limit);
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline();

  /// A round begins. `label` names it; `replay` is the command for it.
  void begin(trial& t, const std::string& label, const std::string& replay);
  void end();

 private:
  void watch();
  [[noreturn]] void give_up();

  const std::chrono::seconds limit_;
  std::mutex guard_;
  std::condition_variable changed_;
  bool over_ = false;
  trial* round_ = nullptr;      // under guard_
  std::uint64_t beat_ = 0;      // under guard_: counts rounds
  std::string label_, replay_;  // under guard_
  std::thread thread_;
};

}  // namespace storm
