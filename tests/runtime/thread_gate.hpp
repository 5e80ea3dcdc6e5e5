// SPDX-License-Identifier: BSL-1.0
#pragma once
// Holds threads until a test lets them go.
#include <condition_variable>
#include <mutex>

namespace gyre_test {

/// Life:    declare it before what may come to wait here; the destructor lets those go that do.
class thread_gate {
 public:
  thread_gate() = default;
  thread_gate(const thread_gate&) = delete;
  thread_gate& operator=(const thread_gate&) = delete;
  ~thread_gate() {
    open();
    std::unique_lock hold(guard_);
    changed_.wait(hold, [this] { return inside_ == 0; });
  }
  void wait() {
    std::unique_lock hold(guard_);
    ++waiting_;
    ++inside_;
    changed_.notify_all();
    changed_.wait(hold, [this] { return open_; });
    --inside_;
    changed_.notify_all();
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
  int inside_ = 0;
};

}  // namespace gyre_test
