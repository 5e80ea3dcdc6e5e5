// SPDX-License-Identifier: BSL-1.0
#pragma once
// The coroutines behind wait_for, with_timeout and with(timeout_scope).  Layer: flow.  Included by flow/timeout.hpp
#include <gyre/flow/timeout.hpp>

namespace gyre {
namespace detail {

template <class R, class Scope, class Start, class Source>
coro<R> run_limited(Start start, Source source) {
  Scope scope(static_cast<Start&&>(start));
  scope.enter();
  // A loop that closes destroys this frame in the block: then a scope that somebody else owns must not keep the task.
  struct at_the_end {
    ~at_the_end() { entered.abandon(); }
    std::remove_reference_t<Scope>& entered;
  };
  const at_the_end left{scope};
  kept_value<R> value;
  try {
    if constexpr (std::is_void_v<R>) {
      co_await source.begin(scope);
    } else {
      value.keep(co_await source.begin(scope));
    }
  } catch (...) {
    if (scope.leave(std::current_exception())) throw_timed_out();
    throw;
  }
  static_cast<void>(scope.leave(nullptr));
  co_return value.give();
}

/// Whether wait_for() may wait for it here.   Throws: what refuse_foreign() throws.
void check_future(const future_core& f);

/// What can be kept, and is awaited when the scope has been entered.
template <class A>
class kept_awaitable {
 public:
  explicit kept_awaitable(A&& awaited) : awaited_(std::move(awaited)) {}
  explicit kept_awaitable(const A& awaited) : awaited_(awaited) {}
  template <class Scope>
  A&& begin(Scope&) {
    if constexpr (future_handle<A>) check_future(awaited_.core("wait_for"));
    return std::move(awaited_);
  }

 private:
  A awaited_;
};

/// What stays where it is. A is a reference.
template <class A>
class awaitable_in_place {
 public:
  explicit awaitable_in_place(A awaited) noexcept : awaited_(std::addressof(awaited)) {}
  template <class Scope>
  A begin(Scope&) noexcept {
    return static_cast<A>(*awaited_);
  }

 private:
  std::remove_reference_t<A>* awaited_;
};

template <class A>
auto result_in_place(A&& awaited) {
  using kept = std::type_identity<decltype(awaited.await_resume())>;
  if constexpr (std::is_rvalue_reference_v<typename kept::type>) {
    return std::type_identity<std::remove_cvref_t<typename kept::type>>();
  } else {
    return kept();
  }
}

/// What awaiting an A gives.
template <class A>
struct awaited_value {
  using type = typename decltype(result_in_place(std::declval<A>()))::type;
};
template <has_member_co_await A>
struct awaited_value<A> {
  using type = typename decltype(result_in_place(std::declval<A>().operator co_await()))::type;
};

/// As ensure_future(). What becomes a task here stays on this loop, so that no idle loop begins it before it is cancelled: a
/// get() that has taken an item by then would lose it.
template <class A>
auto not_to_begin(A awaited) {
  if constexpr (is_coro_v<A> || unawaited_call<A>) {
    return ensure_future(std::move(awaited), get_running_loop());
  } else {
    return ensure_future(std::move(awaited));
  }
}

/// With a limit of 0 or less: what is not done yet is cancelled and waited for.
template <class T, class A>
coro<T> wait_for_expired(A awaited) {
  auto inner = not_to_begin(std::move(awaited));
  check_future(inner.core("wait_for"));
  const bool in_time = inner.done();
  if (!in_time) {
    inner.cancel();
    co_await until_done(inner.shared("wait_for"));
    // What was cancelled may have ended at once, on another loop: one loop waits, and takes a cancel of its own there.
    throw_if_cancelled(running_task("wait_for"));
  }
  try {
    static_cast<void>(inner.result());  // throws what it ended with
  } catch (const cancelled_error&) {
    if (in_time) throw;
    throw_timed_out();
  }
  co_return co_await std::move(inner);
}

/// The same for something that is never begun: asyncio makes it a task, cancels that and waits, and so takes some turns.
coro<> expire_unbegun();

template <class T>
coro<T> wait_for_unbegun() {
  co_await expire_unbegun();
  throw timeout_error();  // it did
}

/// wait_for() of an awaiter that cannot be kept: it must be awaited where it is written.
template <class A>
class [[nodiscard]] limited_await {
 public:
  using value_type = typename awaited_value<A>::type;

  limited_await(A awaited, std::optional<std::int64_t> limit) noexcept
      : awaited_(static_cast<A>(awaited)), limit_(limit) {}
  limited_await(const limited_await&) = delete;
  limited_await& operator=(const limited_await&) = delete;

  typename coro<value_type>::awaiter operator co_await() && { return call().operator co_await(); }

 private:
  coro<value_type> call() {
    if (limit_ && *limit_ <= 0) return wait_for_unbegun<value_type>();
    return run_limited<value_type, time_limit>(limit_spec::after(limit_),
                                               awaitable_in_place<A>(static_cast<A>(awaited_)));
  }

  A awaited_;
  std::optional<std::int64_t> limit_;
};

}  // namespace detail

template <class A, detail::limit_argument Limit>
  requires detail::awaitable_argument<A>
auto wait_for(A&& aw, const Limit& timeout) {
  using kept = std::remove_cvref_t<A>;
  using T = typename kept::value_type;
  const std::optional<std::int64_t> ns = detail::limit_of(timeout, "wait_for");
  if constexpr (is_coro_v<kept>) {
    if (ns && *ns <= 0) return detail::wait_for_expired<T, kept>(std::move(aw));
    return detail::run_limited<T, detail::time_limit>(detail::limit_spec::after(ns),
                                                      detail::kept_awaitable<kept>(std::move(aw)));
  } else {
    if (ns && *ns <= 0) return detail::wait_for_expired<T, kept>(std::forward<A>(aw));
    return detail::run_limited<T, detail::time_limit>(detail::limit_spec::after(ns),
                                                      detail::kept_awaitable<kept>(std::forward<A>(aw)));
  }
}

template <class A, detail::limit_argument Limit>
  requires(!detail::awaitable_argument<A> && detail::awaitable_here<A>)
auto wait_for(A&& aw, const Limit& timeout) {
  const std::optional<std::int64_t> ns = detail::limit_of(timeout, "wait_for");
  if constexpr (!std::is_lvalue_reference_v<A> && std::is_move_constructible_v<A>) {
    using T = typename detail::awaited_value<A&&>::type;
    if (ns && *ns <= 0) return detail::wait_for_unbegun<T>();
    return detail::run_limited<T, detail::time_limit>(detail::limit_spec::after(ns),
                                                      detail::kept_awaitable<A>(std::move(aw)));
  } else {
    return detail::limited_await<A&&>(std::forward<A>(aw), ns);
  }
}

}  // namespace gyre
