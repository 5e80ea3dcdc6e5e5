// SPDX-License-Identifier: BSL-1.0
#pragma once
// Calls like q.get() or sleep(1s) as coroutines: create_task(q.get()), gather(sleep(1s), e.wait()).  Layer: core.
#include <gyre/core/task.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace gyre {

namespace detail {

/// What makes a future of itself: a gather.
template <class A>
concept starts_itself = requires(A& a) { a.start(); };

/// A call like `q.get()`, `e.wait()` or `sleep(1s)` that nobody has awaited: until then it can be moved.
template <class A>
concept unawaited_call = std::derived_from<A, awaiter_base> && std::move_constructible<A> && !starts_itself<A> &&
                         requires { typename A::value_type; };

template <unawaited_call A>
coro<typename A::value_type> as_coro(A call) {
  co_return co_await std::move(call);
}

/// The same for what may be one; the rest stays what it is.
template <class A>
auto as_argument(A&& a) -> A&& {
  return std::forward<A>(a);
}
template <class A>
  requires unawaited_call<std::remove_cvref_t<A>>
auto as_argument(A&& a) {
  return as_coro(std::move(a));
}

template <class A>
using argument = std::remove_cvref_t<decltype(as_argument(std::declval<A>()))>;

}  // namespace detail

/// Makes a call a task of its own: `create_task(q.get())`. A primitive must outlive it.
///
/// Throws:  as create_task of a coroutine.
template <detail::unawaited_call A>
task<typename A::value_type> create_task(A call, const task_options& options = task_options()) {
  return create_task(detail::as_coro(std::move(call)), options);
}

}  // namespace gyre
