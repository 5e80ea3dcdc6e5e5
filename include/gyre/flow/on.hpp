// SPDX-License-Identifier: BSL-1.0
#pragma once
// on: runs a body on another loop inside the same task, and comes back.  Layer: flow.
#include <gyre/flow/detail/scoped_body.hpp>
#include <gyre/flow/pin_scope.hpp>
#include <gyre/flow/resume_on.hpp>

#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gyre {

namespace detail {

/// The way home, which nothing cuts short: a cancel that comes meanwhile waits for the next suspension.
class [[nodiscard]] return_awaiter : public resume_on_awaiter {
 public:
  using resume_on_awaiter::resume_on_awaiter;
  [[nodiscard]] bool await_ready() const { return &get_running_loop() == &loop_; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) {
    moved_ = true;
    return suspend(*at.promise().task, at);
  }
  void await_resume() noexcept {
    if (moved_) arrive();
  }

 private:
  bool moved_ = false;
};

template <class R, class Visit>
coro<R> visit_loop(event_loop& loop, Visit visit) {
  event_loop& here = get_running_loop();
  kept_value<R> value;
  std::exception_ptr error;
  try {
    co_await resume_on(loop);
    const pin_scope stay;
    if constexpr (std::is_void_v<R>) {
      co_await visit.begin();
    } else {
      value.keep(co_await visit.begin());
    }
  } catch (...) {
    error = std::current_exception();
  }
  visit.close();
  co_await return_awaiter(here);
  if (error != nullptr) std::rethrow_exception(std::move(error));
  co_return value.give();
}

/// A coroutine that may never be begun.
template <class T>
class coro_visit {
 public:
  explicit coro_visit(coro<T> body) noexcept : body_(std::move(body)) {}
  coro<T>& begin() noexcept { return body_; }
  void close() noexcept { body_.close(); }

 private:
  coro<T> body_;
};

template <class R, class F, class... Args>
coro<R> call_there(F& fn, std::tuple<Args...>& args) {
  co_return std::apply([&fn](auto&... each) -> R { return call_any(fn, std::forward<Args>(each)...); }, args);
}

/// A coroutine function or a plain one, called on the other loop.
template <class F, class... Args>
class call_visit {
 public:
  using called = std::invoke_result_t<F&, Args...>;

  template <class G, class... Given>
  explicit call_visit(G&& fn, Given&&... args) : fn_(std::forward<G>(fn)), args_(std::forward<Given>(args)...) {}

  auto begin() {
    if constexpr (is_coro_v<std::remove_cvref_t<called>>) {
      return std::apply([this](auto&... each) { return call_any(fn_, std::forward<Args>(each)...); }, args_);
    } else {
      return call_there<called>(fn_, args_);
    }
  }
  void close() const noexcept {}

 private:
  F fn_;
  std::tuple<Args...> args_;
};

template <class R>
struct visit_value {
  using type = R;
};
template <class T>
struct visit_value<coro<T>> {
  using type = T;
};

}  // namespace detail

/// Runs `body` on `loop`, another one of this runtime, as a part of the running task, then goes back to the loop where the
/// task was; gives what the body gives.
///
/// Shape:   the same task: current_task() and context variables stay what they are. Inside, the task is pinned to `loop`;
///          afterwards it is on the loop that it came from, pinned or stealable as it was. On `loop` already it stays there.
/// Cancel:  goes to the body. One that comes on the way there: the body never begins. One that comes on the way back waits
///          for the task's next suspension: the value is not lost. The task comes home in every case.
/// Throws:  what the body throws; foreign_runtime; loop_closed; error for main, which stays on the calling thread (give it
///          a task there instead: task_options with pin and loop); cancelled_error.
/// Cost:    two pooled frames, two messages.
template <class T>
[[nodiscard]] coro<T> on(event_loop& loop, coro<T> body) {
  body.check_fresh("on");
  return detail::visit_loop<T>(loop, detail::coro_visit<T>(std::move(body)));
}
/// The same for `fn(args...)`, called there: a coroutine function, or a plain one. It captures nothing, or `[&]` when
/// awaited right here; the arguments are kept and moved in.
template <class F, class... Args>
  requires(std::is_invocable_v<std::decay_t<F>&, std::unwrap_ref_decay_t<Args>...>)
[[nodiscard]] auto on(event_loop& loop, F&& fn, Args&&... args) {
  using visit = detail::call_visit<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>;
  using R = typename detail::visit_value<std::remove_cv_t<typename visit::called>>::type;
  return detail::visit_loop<R>(loop, visit(std::forward<F>(fn), std::forward<Args>(args)...));
}

}  // namespace gyre
