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

/// A thread ends in two steps: when its loop has stopped it waits until all loops are closed, and then has a last thing to
/// do: what its loop keeps for tasks must outlive them, and end where it was made.
///
/// Thread:  one owner; not from one of its own threads.
class worker_threads {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  worker_threads() = default;
  worker_threads(const worker_threads&) = delete;
  worker_threads& operator=(const worker_threads&) = delete;

  /// Starts a thread that runs `body`, for the loop `index`, and `last` after release(). Both are destroyed on it.
  /// Throws:  std::system_error.
  void start(std::size_t index, const std::string& name, unique_function<void()> body, unique_function<void()> last);

  /// Waits for the ends of all bodies, at most until `deadline`, and detaches the threads whose bodies go on: they end by
  /// themselves. Returns the indexes of those.
  std::vector<std::size_t> await_ends(std::optional<time_point> deadline);

  /// Lets all threads do their last thing, those that were detached when their bodies end, and joins the others. None is left
  /// then.
  void release();

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
