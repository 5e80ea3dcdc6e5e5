// SPDX-License-Identifier: BSL-1.0
#pragma once
// Holds threads until a test lets them go.
#include <condition_variable>
#include <mutex>

namespace gyre_test {

class thread_gate {
 public:
  void wait() {
    std::unique_lock hold(guard_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(hold, [this] { return open_; });
  }
  void open() {
    const std::lock_guard hold(guard_);
    open_ = true;
    changed_.notify_all();
  }
  /// Blocks until `n` threads wait, or have waited.
  void await_waiters(int n) {
    std::unique_lock hold(guard_);
    changed_.wait(hold, [&] { return waiting_ >= n; });
  }
  [[nodiscard]] int waiting() {
    const std::lock_guard hold(guard_);
    return waiting_;
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

}  // namespace gyre_test
