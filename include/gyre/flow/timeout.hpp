// SPDX-License-Identifier: BSL-1.0
#pragma once
// Time limits: wait_for, and the scope that it is built on.  Layer: flow.  Bodies: lib/flow/timeout.cpp
#include <gyre/flow/ensure_future.hpp>
#include <gyre/flow/wait.hpp>
#include <gyre/loop/event_loop.hpp>

#include <atomic>
#include <chrono>
#include <optional>

namespace gyre {

namespace detail {

/// Cancels the running task at a deadline, and tells that cancel from others at the end.   Like: asyncio.Timeout.
///
///   stage   active -> expiring (the deadline, before it cancels) -> expired | active -> left; the timer's thread writes
///           `expiring`, the task's thread the others, after disarm() has waited for the timer's thread.
class time_limit final : timer_node {
 public:
  /// Starts to count for the running task. `delay` in nanoseconds; empty: no limit.
  explicit time_limit(std::optional<std::int64_t> delay);
  time_limit(const time_limit&) = delete;
  time_limit& operator=(const time_limit&) = delete;
  ~time_limit();

  /// The end of the block, which `error` leaves or null. Throws timeout_error if the error is this limit's cancel.
  void leave(const std::exception_ptr& error);
  [[nodiscard]] bool expired() const noexcept { return stage_.load(std::memory_order_acquire) == stage::expired; }

 private:
  enum class stage : std::uint8_t { active, expiring, expired, left };
  static void expire_now(timer_node& node) noexcept;
  static void expire_in_turn(runnable& r, fate f) noexcept;
  void expire() noexcept;
  void stop_timer() noexcept;

  task_core& task_;
  home& armed_at_;
  unsigned cancels_before_;
  bool armed_ = false;
  std::atomic<stage> stage_{stage::active};
};

template <class T, class A>
coro<T> wait_for_limited(A awaited, std::optional<std::int64_t> delay);

template <class T, class A>
coro<T> wait_for_expired(A awaited);

}  // namespace detail

/// Awaits `aw`, at most for `timeout` (any std::chrono duration; std::nullopt: without limit).
///
/// Shape:   a coroutine runs inside the calling task; with a limit of 0 or less it is never started.
/// Cancel:  at the limit, or when the caller is cancelled, `aw` is cancelled and waited for to its end.
/// Throws:  timeout_error; what `aw` throws.
/// Cost:    one pooled frame.   Like: asyncio.wait_for.
template <class A, class Rep, class Period>
  requires detail::awaitable_argument<A>
auto wait_for(A&& aw, std::chrono::duration<Rep, Period> timeout) {
  using T = typename std::remove_cvref_t<A>::value_type;
  const std::int64_t ns = detail::delay_of(timeout, "wait_for");
  return ns > 0 ? detail::wait_for_limited<T, std::remove_cvref_t<A>>(std::forward<A>(aw), ns)
                : detail::wait_for_expired<T, std::remove_cvref_t<A>>(std::forward<A>(aw));
}
template <class A>
  requires detail::awaitable_argument<A>
auto wait_for(A&& aw, std::nullopt_t) {
  using T = typename std::remove_cvref_t<A>::value_type;
  return detail::wait_for_limited<T, std::remove_cvref_t<A>>(std::forward<A>(aw), std::nullopt);
}
template <class A, class Rep, class Period>
  requires detail::awaitable_argument<A>
auto wait_for(A&& aw, std::optional<std::chrono::duration<Rep, Period>> timeout) {
  return timeout ? wait_for(std::forward<A>(aw), *timeout) : wait_for(std::forward<A>(aw), std::nullopt);
}

namespace detail {

template <class T, class A>
coro<T> wait_for_limited(A awaited, std::optional<std::int64_t> delay) {
  std::exception_ptr error;
  std::optional<stored<T>> value;
  time_limit limit(delay);
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(awaited);
    } else {
      value.emplace(co_await std::move(awaited));
    }
  } catch (...) {
    error = std::current_exception();
  }
  limit.leave(error);
  if (error != nullptr) std::rethrow_exception(std::move(error));
  if constexpr (!std::is_void_v<T>) co_return *std::move(value);
}

template <class T, class A>
coro<T> wait_for_expired(A awaited) {
  auto inner = ensure_future(std::move(awaited));
  if (!inner.done()) {
    inner.cancel();
    co_await until_done(inner.shared("wait_for"));
    if (inner.cancelled()) throw timeout_error();
  }
  if constexpr (std::is_void_v<T>) {
    inner.result();
  } else {
    inner.result();  // throws what it ended with
    co_return co_await std::move(inner);
  }
}

}  // namespace detail
}  // namespace gyre
