// SPDX-License-Identifier: BSL-1.0
#pragma once
// Whatever can be waited for, as a future: coroutines become tasks, the rest stays what it is.  Layer: flow.
#include <gyre/core/call.hpp>
#include <gyre/core/task.hpp>
#include <gyre/loop/event_loop.hpp>

namespace gyre {

namespace detail {

template <class T>
inline constexpr bool is_gather_call = false;

/// A future, task, gathering_future or shield's future.
template <class F>
concept future_handle = is_future_v<std::remove_cvref_t<F>>;

/// What gather, wait, wait_for, shield accept.
template <class A>
concept awaitable_argument =
    is_coro_v<std::remove_cvref_t<A>> || is_gather_call<std::remove_cvref_t<A>> ||
    unawaited_call<std::remove_cvref_t<A>> || requires {
      typename std::remove_cvref_t<A>::value_type;
      requires std::is_base_of_v<basic_future<typename std::remove_cvref_t<A>::value_type, std::remove_cvref_t<A>>,
                                 std::remove_cvref_t<A>>;
    };

/// The places at which each different future stands first: calls count repeated arguments once.   Cost: n log n.
[[nodiscard]] pooled_vector<std::size_t> first_places(const pooled_vector<core_ref<future_core>>& futures);

/// Options for a task that some call makes of its argument: the running loop, else the one set for this thread.
[[nodiscard]] task_options on_current_loop();
/// Throws:  value_error if `future` belongs to another runtime than `loop`.
void check_loop(const future_core& future, event_loop& loop);

}  // namespace detail

/// A coroutine as a task; a task or future as it is; a gather, started.
///
/// Throws:  no_running_loop when a coroutine is given and no loop runs.   Like: asyncio.ensure_future.
template <class T>
task<T> ensure_future(coro<T> body) {
  return detail::handle_of<T>(detail::start_task(body, detail::on_current_loop(), "ensure_future"));
}
template <detail::unawaited_call A>
task<typename A::value_type> ensure_future(A call) {
  return ensure_future(detail::as_coro(std::move(call)));
}
template <class F>
  requires detail::future_handle<F>
std::remove_cvref_t<F> ensure_future(F&& future) {
  return std::forward<F>(future);
}
template <class G>
  requires detail::is_gather_call<std::remove_cvref_t<G>>
auto ensure_future(G&& gather) {
  return gather.start();
}

/// The same for a named loop: a coroutine becomes a task of it, pinned to it.
///
/// Throws:  value_error for a future of another runtime.
template <class T>
task<T> ensure_future(coro<T> body, event_loop& loop) {
  return loop.create_task(std::move(body));
}
template <detail::unawaited_call A>
task<typename A::value_type> ensure_future(A call, event_loop& loop) {
  return loop.create_task(std::move(call));
}
template <class F>
  requires detail::future_handle<F>
std::remove_cvref_t<F> ensure_future(F&& future, event_loop& loop) {
  detail::check_loop(future.core("ensure_future"), loop);
  return std::forward<F>(future);
}

namespace detail {
/// The core behind an argument, with a reference; a coroutine is made a task on the way. One that nobody knows elsewhere is
/// destroyed with its loop without a report.
template <class A>
core_ref<future_core> future_of(A&& argument, const char* call, bool known_elsewhere = true) {
  if constexpr (is_coro_v<std::remove_cvref_t<A>>) {
    auto body = std::move(argument);
    core_ref<own_task> made = start_task(body, on_current_loop(), call);
    if (!known_elsewhere) made->expect_abandon();
    return core_ref<future_core>(made.release());
  } else if constexpr (unawaited_call<std::remove_cvref_t<A>>) {
    return future_of(as_coro(std::move(argument)), call, known_elsewhere);
  } else if constexpr (is_gather_call<std::remove_cvref_t<A>>) {
    return argument.start().shared(call);
  } else {
    return argument.shared(call);
  }
}
}  // namespace detail

}  // namespace gyre
