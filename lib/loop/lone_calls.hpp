// SPDX-License-Identifier: BSL-1.0
#pragma once
// Whether a sleeper is told of a task that is alone in its queue.  Layer: loop.
#include <algorithm>
#include <cstdint>

namespace gyre::detail {

/// Where tasks wake each other, the one in the queue is begun at once by its own loop: who was rung for it finds nothing, at
/// the cost of a system call here and of a sleep there. So a call in vain is followed by tasks that nobody is told of, twice
/// as many each time, until another loop has taken a task from here. One that waits behind a long step meanwhile is found by
/// the runtime's watcher.   Thread: the loop's.
class lone_calls {
 public:
  static constexpr unsigned most_held_back = 4095;

  /// A task is alone in the queue while somebody sleeps; `taken` is how many tasks others have ever taken from here.
  [[nodiscard]] bool due(std::uint64_t taken) noexcept {
    if (left_ != 0) {
      --left_;
      return false;
    }
    held_back_ = called_ && taken == taken_before_ ? std::min(2 * held_back_ + 1, most_held_back) : 0;
    called_ = true;
    taken_before_ = taken;
    left_ = held_back_;
    return true;
  }

 private:
  bool called_ = false;
  std::uint64_t taken_before_ = 0;  // at the last call
  unsigned held_back_ = 0;          // after the last call
  unsigned left_ = 0;               // of those
};

}  // namespace gyre::detail
