// SPDX-License-Identifier: BSL-1.0
#pragma once
// The threads of a runtime's loops: joined at the end, or left behind when they do not come back from user code.
// Layer: runtime.  Bodies: lib/runtime/worker_threads.cpp
#include <gyre/base/unique_function.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace gyre::detail {

/// Thread:  one owner; not from one of its own threads.
class worker_threads {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  worker_threads() = default;
  worker_threads(const worker_threads&) = delete;
  worker_threads& operator=(const worker_threads&) = delete;

  /// Starts a thread that runs `body`, for the loop `index`. The body is destroyed on it, after its last use.
  /// Throws:  std::system_error.
  void start(std::size_t index, const std::string& name, unique_function<void()> body);

  /// Joins all threads that end before `deadline` (none: waits for all) and detaches the others. Returns the indexes of
  /// those. None is left then.
  std::vector<std::size_t> join(std::optional<time_point> deadline);

  [[nodiscard]] bool empty() const noexcept { return threads_.empty(); }

 private:
  class end_mark;
  struct worker {
    std::size_t index;
    std::shared_ptr<end_mark> end;  // shared with the thread, which may outlive this object
    std::thread thread;
  };
  std::vector<worker> threads_;
};

}  // namespace gyre::detail
