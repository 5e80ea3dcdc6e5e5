// SPDX-License-Identifier: BSL-1.0
#pragma once
// Where threads outside the loops block: for room, and for an end.  Layer: runtime.   Model: tests/model/blocking_model.cpp
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace gyre::detail {

/// What blocking is built of; the model has its own.
struct std_blocking {
  using mutex = std::mutex;
  using condition = std::condition_variable;
};

/// A bounded number of permits, and threads that wait for one.   Thread: any.
template <class Blocking = std_blocking>
class basic_places {
  using mutex = typename Blocking::mutex;

 public:
  struct outcome {
    std::size_t taken;
    bool closed;
    bool full;
  };

  explicit basic_places(std::size_t bound) noexcept : bound_(bound) {}

  /// Up to `wanted`: waits until there is one, or, where the caller may not wait, takes all or none.
  [[nodiscard]] outcome take(std::size_t wanted, bool may_wait) {
    std::unique_lock hold(guard_);
    if (may_wait && inside_ >= bound_ && !closed_) {
      ++waiting_;
      changed_.wait(hold, [this] { return closed_ || inside_ < bound_; });
      --waiting_;
    }
    if (closed_) return {0, true, false};
    const std::size_t room = bound_ - std::min(bound_, inside_);
    if (room < (may_wait ? 1 : wanted)) return {0, false, true};
    const std::size_t taken = std::min(room, wanted);
    inside_ += taken;
    return {taken, false, false};
  }

  void give_back(std::size_t permits) noexcept {
    const std::lock_guard hold(guard_);
    inside_ -= permits;
    if (waiting_ == 0) return;
    if (permits == 1) {
      changed_.notify_one();
    } else {
      changed_.notify_all();
    }
  }

  /// Refuses all from now on, and those that wait.
  void close() noexcept {
    const std::lock_guard hold(guard_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t bound_;
  mutex guard_;
  typename Blocking::condition changed_;
  std::size_t inside_ = 0;   // under guard_
  std::size_t waiting_ = 0;  // likewise
  bool closed_ = false;      // likewise
};

/// An end that threads wait for.
template <class Blocking = std_blocking>
class basic_latch {
 public:
  void end() noexcept {
    const std::lock_guard hold(guard_);
    ended_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock hold(guard_);
    changed_.wait(hold, [this] { return ended_; });
  }
  /// False if the end has not come by then.
  [[nodiscard]] bool wait_until(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock hold(guard_);
    return changed_.wait_until(hold, deadline, [this] { return ended_; });
  }

 private:
  typename Blocking::mutex guard_;
  typename Blocking::condition changed_;
  bool ended_ = false;  // under guard_
};

}  // namespace gyre::detail
