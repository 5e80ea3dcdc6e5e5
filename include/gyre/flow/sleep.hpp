// SPDX-License-Identifier: BSL-1.0
#pragma once
// sleep: lets time pass on the loop's clock.  Layer: flow.  Bodies: lib/flow/sleep.cpp
#include <gyre/base/rethrow.hpp>
#include <gyre/loop/event_loop.hpp>

#include <chrono>
#include <utility>

namespace gyre {

namespace detail {

/// Parks the running task until a deadline, or for one turn.
class sleep_base : public awaiter_base, public timer_node {
 public:
  sleep_base(const sleep_base&) = delete;
  sleep_base& operator=(const sleep_base&) = delete;
  /// Before it is awaited: as an argument of create_task(), gather(), wait_for().
  sleep_base(sleep_base&& other) noexcept : sleep_base(other.delay_) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) {
    return suspend(*at.promise().task, at);
  }

 protected:
  explicit sleep_base(std::int64_t delay) noexcept : timer_node(&wake_now, &wake_in_turn, false), delay_(delay) {}
  ~sleep_base() { stop_timer(); }
  void finish() {
    if (!task_->state.cancel_pending()) [[likely]]
      return;
    if (std::exception_ptr error = end_cancelled(); error != nullptr) rethrow(std::move(error));
  }

 private:
  static void wake_now(timer_node& node) noexcept;
  static void wake_in_turn(runnable& r, fate f) noexcept;
  bool suspend(task_core& t, std::coroutine_handle<> at);
  void stop_timer() noexcept {
    if (armed_at_ != nullptr) disarm_timer(*std::exchange(armed_at_, nullptr), *this);
  }
  [[nodiscard]] std::exception_ptr end_cancelled() noexcept;

  std::int64_t delay_;
  task_core* task_ = nullptr;
  home* armed_at_ = nullptr;
};

class [[nodiscard]] sleep_awaiter final : public sleep_base {
 public:
  using value_type = void;

  explicit sleep_awaiter(std::int64_t delay) noexcept : sleep_base(delay) {}
  void await_resume() { finish(); }
};

template <class T>
class [[nodiscard]] sleep_value_awaiter final : public sleep_base {
 public:
  using value_type = T;

  sleep_value_awaiter(std::int64_t delay, T value) : sleep_base(delay), value_(std::move(value)) {}
  T await_resume() {
    finish();
    return std::move(value_);
  }

 private:
  T value_;
};

}  // namespace detail

/// Suspends the task for `delay` (any std::chrono duration). Zero or less lets the loop take exactly one turn.
///
/// Cancel:  takes the timer back.   Throws: value_error (NaN), cancelled_error.
/// Cost:    no allocation.   Like: asyncio.sleep.
template <class Rep, class Period>
[[nodiscard]] detail::sleep_awaiter sleep(std::chrono::duration<Rep, Period> delay) {
  return detail::sleep_awaiter(detail::delay_of(delay, "sleep"));
}

/// The same, and gives `value` back.
template <class Rep, class Period, class T>
[[nodiscard]] detail::sleep_value_awaiter<std::decay_t<T>> sleep(std::chrono::duration<Rep, Period> delay, T&& value) {
  return detail::sleep_value_awaiter<std::decay_t<T>>(detail::delay_of(delay, "sleep"), std::forward<T>(value));
}

}  // namespace gyre
