// SPDX-License-Identifier: BSL-1.0
#pragma once
// Time limits: timeout scopes, wait_for.  Layer: flow.  Bodies: lib/flow/timeout.cpp
#include <gyre/base/spin_lock.hpp>
#include <gyre/flow/detail/scoped_body.hpp>
#include <gyre/flow/detail/time_limit.hpp>
#include <gyre/flow/ensure_future.hpp>
#include <gyre/flow/wait.hpp>
#include <gyre/loop/event_loop.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace gyre {

class timeout_scope;

namespace detail {

/// Runs what `source` begins inside a Scope made of `start`: a time_limit, a timeout_scope or a reference to one.
template <class R, class Scope, class Start, class Source>
coro<R> run_limited(Start start, Source source);

/// A limit in nanoseconds: any std::chrono duration, an optional one, or std::nullopt.
template <class Rep, class Period>
[[nodiscard]] std::optional<std::int64_t> limit_of(std::chrono::duration<Rep, Period> limit, const char* call) {
  return delay_of(limit, call);
}
template <class Rep, class Period>
[[nodiscard]] std::optional<std::int64_t> limit_of(std::optional<std::chrono::duration<Rep, Period>> limit,
                                                   const char* call) {
  return limit ? std::optional<std::int64_t>(delay_of(*limit, call)) : std::nullopt;
}
[[nodiscard]] inline std::optional<std::int64_t> limit_of(std::nullopt_t, const char*) noexcept { return std::nullopt; }

template <class Limit>
concept limit_argument = requires(const Limit& limit) { limit_of(limit, ""); };

/// The running loop's time after `delay`.   Throws: no_running_loop naming `call`.
[[nodiscard]] std::optional<std::int64_t> deadline_from_now(std::optional<std::int64_t> delay, const char* call);

}  // namespace detail

/// Cancels its block at a deadline; the block then leaves with timeout_error. Use it with with(scope, body), or through
/// with_timeout() and with_timeout_at().
///
/// Shape:   entered once, by a task. It may be moved until then.
/// Thread:  any task or callback of the runtime may call when(), reschedule() and expired().
/// Life:    outlives its block; it may outlive the loop.
/// Like:    asyncio.Timeout, made by asyncio.timeout() and asyncio.timeout_at().
class timeout_scope {
 public:
  using time_point = event_loop::time_point;

  /// A deadline on the loop's clock; std::nullopt: none.
  explicit timeout_scope(std::optional<time_point> when) noexcept : limit_(detail::limit_spec::until(ns_of(when))) {}
  explicit timeout_scope(std::nullopt_t) noexcept : timeout_scope(std::optional<time_point>()) {}
  /// `delay` from now.   Throws: no_running_loop, value_error (NaN).
  template <class Rep, class Period>
  explicit timeout_scope(std::chrono::duration<Rep, Period> delay) : timeout_scope(std::optional(delay)) {}
  template <class Rep, class Period>
  explicit timeout_scope(std::optional<std::chrono::duration<Rep, Period>> delay)
      : limit_(detail::limit_spec::until(
            detail::deadline_from_now(detail::limit_of(delay, "timeout_scope"), "timeout_scope"))) {}
  timeout_scope(timeout_scope&& not_entered) noexcept : limit_(std::move(not_entered.limit_)) {}
  timeout_scope& operator=(timeout_scope&&) = delete;

  /// The deadline, empty if there is none.
  [[nodiscard]] std::optional<time_point> when() const noexcept;

  /// Moves the deadline, or takes it away. One that has passed cancels the block in the next iteration of its loop.
  ///
  /// Throws:  error if the scope has not been entered, or its time is over, or it was left.
  void reschedule(std::optional<time_point> when);

  /// True once the deadline has cancelled the block, also after the block has ended.
  [[nodiscard]] bool expired() const noexcept { return limit_.expired(); }

  /// `<Timeout [active] when=12.346>`; created, expiring, expired, finished.
  void append_text(std::string& out) const;

  /// The way in and out, for with().   Throws: error if it was entered before; timeout_error at the way out.
  coro<timeout_scope&> aenter();
  coro<bool> aexit(std::exception_ptr error);

 private:
  template <class R, class Scope, class Start, class Source>
  friend coro<R> detail::run_limited(Start start, Source source);

  explicit timeout_scope(detail::limit_spec when) noexcept : limit_(when) {}
  [[nodiscard]] static std::optional<std::int64_t> ns_of(std::optional<time_point> when) noexcept {
    return when ? std::optional<std::int64_t>(when->time_since_epoch().count()) : std::nullopt;
  }
  void enter();
  bool leave(const std::exception_ptr& error) noexcept;
  void abandon() noexcept;

  mutable detail::spin_lock guard_;
  detail::time_limit limit_;
};

/// Runs `body(scope, args...)` or `body(args...)` inside the calling task, at most for `limit`, and gives its value.
///
/// Shape:   any std::chrono duration, counted from the start of the body, or std::nullopt; 0 or less cancels the body at its
///          first suspension. The body is a coroutine function that captures nothing, or `[&]` when awaited right here;
///          `scope` is a timeout_scope&.
/// Cancel:  goes to the body, and comes out as cancelled_error.
/// Throws:  timeout_error if the body ends with the cancelled_error of the deadline, which is then its nested exception;
///          what the body throws; value_error (NaN).
/// Cost:    two pooled frames, the body's among them.   Like: async with asyncio.timeout(limit).
template <detail::limit_argument Limit, class F, class... Args>
auto with_timeout(const Limit& limit, F&& body, Args&&... args) {
  return detail::run_limited<detail::scoped_value<F, timeout_scope, Args...>, timeout_scope>(
      detail::limit_spec::after(detail::limit_of(limit, "with_timeout")),
      detail::keep_body(std::forward<F>(body), std::forward<Args>(args)...));
}

/// The same up to a point of the loop's clock.   Like: async with asyncio.timeout_at(when).
template <class F, class... Args>
auto with_timeout_at(std::optional<timeout_scope::time_point> when, F&& body, Args&&... args) {
  return detail::run_limited<detail::scoped_value<F, timeout_scope, Args...>, timeout_scope>(
      when, detail::keep_body(std::forward<F>(body), std::forward<Args>(args)...));
}

/// Runs `body(scope)` or `body()` in a scope that has a name, or was made for it.
template <class F>
auto with(timeout_scope& scope, F body) {
  return detail::run_limited<detail::scoped_value<F, timeout_scope>, timeout_scope&, timeout_scope&>(
      scope, detail::keep_body(std::move(body)));
}
template <class F>
auto with(timeout_scope&& scope, F body) {
  return detail::run_limited<detail::scoped_value<F, timeout_scope>, timeout_scope>(std::move(scope),
                                                                                    detail::keep_body(std::move(body)));
}

/// Awaits `aw`, at most for `timeout`: any std::chrono duration, an optional one, or std::nullopt for no limit.
///
/// Shape:   a coroutine, or a call like `q.get()`, runs inside the calling task; with a limit of 0 or less it is never
///          begun. What cannot be moved, like `sleep(1s)` or an I/O operation, must be awaited in the same expression.
/// Cancel:  at the limit, or when the caller is cancelled, `aw` is cancelled and waited for to its end.
/// Throws:  timeout_error, whose nested exception is the cancelled_error; what `aw` throws.
/// Cost:    one pooled frame.   Like: asyncio.wait_for.
template <class A, detail::limit_argument Limit>
  requires detail::awaitable_argument<A>
auto wait_for(A&& aw, const Limit& timeout);

template <class A, detail::limit_argument Limit>
  requires(!detail::awaitable_argument<A> && detail::awaitable_here<A>)
auto wait_for(A&& aw, const Limit& timeout);

}  // namespace gyre

#include <gyre/flow/detail/wait_for_call.hpp>
