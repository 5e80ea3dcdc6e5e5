// SPDX-License-Identifier: BSL-1.0
#pragma once
// wait: which of several tasks are done, without taking their results.  Layer: flow.  Bodies: lib/flow/wait.cpp
#include <gyre/base/time_span.hpp>
#include <gyre/flow/ensure_future.hpp>
#include <gyre/loop/event_loop.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace gyre {

/// When wait() is to return.   Like: ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION.
enum class return_when_t : std::uint8_t { all_completed, first_completed, first_exception };
inline constexpr return_when_t all_completed = return_when_t::all_completed;
inline constexpr return_when_t first_completed = return_when_t::first_completed;
inline constexpr return_when_t first_exception = return_when_t::first_exception;

/// An aggregate without owners, so that it may stand in an awaiting expression.
struct wait_options {
  std::optional<time_span> timeout{};  ///< empty: without limit
  return_when_t return_when = all_completed;
};
static_assert(std::is_trivially_destructible_v<wait_options>);

/// What wait() gives: two disjoint sets in the order of the arguments.
template <class Handle>
struct wait_result {
  wait_result() {}  // NOLINT: not an aggregate, see CONTRIBUTING on g++ 12

  basic_task_set<Handle> done;
  basic_task_set<Handle> pending;
};

namespace detail {

/// Watches futures for one waiting task. Shared by the task and the entries, which may still be under way in a ring or an
/// inbox when the task has gone.
class wait_core;

/// How many of the futures are not done. For who keeps the waiting task parked.
[[nodiscard]] std::size_t count_pending(const wait_core& core) noexcept;
/// What the task has lost that waits by it, at a moment when no thread is at work; null if it waits rightly.
[[nodiscard]] const char* lost_at(const wait_core& core) noexcept;

struct wait_core_release {
  void operator()(wait_core* core) const noexcept;
};

/// Waits until the condition of `when` holds for the watched futures, or `timeout` has passed.
class [[nodiscard]] wait_awaiter : public awaiter_base, public timer_node {
 public:
  wait_awaiter(pooled_vector<core_ref<future_core>> watched, return_when_t when, std::optional<std::int64_t> timeout);
  wait_awaiter(const wait_awaiter&) = delete;
  wait_awaiter& operator=(const wait_awaiter&) = delete;
  ~wait_awaiter();

  [[nodiscard]] bool await_ready() const noexcept;
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) {
    return suspend(*at.promise().task, at);
  }
  void await_resume();

 private:
  static void time_out_now(timer_node& node) noexcept;
  static void time_out_in_turn(runnable& r, fate f) noexcept;
  bool suspend(task_core& t, std::coroutine_handle<> at);
  void leave() noexcept;

  std::unique_ptr<wait_core, wait_core_release> core_;
  std::optional<std::int64_t> timeout_;
  task_core* task_ = nullptr;
  home* armed_at_ = nullptr;
};

/// Waits until one future is done, whatever its outcome.
[[nodiscard]] coro<> until_done(core_ref<future_core> future);

template <class Handle>
coro<wait_result<Handle>> wait_all(std::vector<Handle> tasks, wait_options options) {
  if (tasks.empty()) throw value_error("Set of Tasks/Futures is empty.");
  if (options.return_when > first_exception) throw value_error("wait: invalid return_when value");
  pooled_vector<core_ref<future_core>> given;
  given.reserve(tasks.size());
  for (const Handle& each : tasks) given.push_back(each.shared("wait"));
  const pooled_vector<std::size_t> different = first_places(given);
  pooled_vector<core_ref<future_core>> cores;
  cores.reserve(different.size());
  for (const std::size_t i : different) cores.push_back(std::move(given[i]));
  std::optional<std::int64_t> timeout;
  if (options.timeout) timeout = options.timeout->count();
  co_await wait_awaiter(std::move(cores), options.return_when, timeout);
  wait_result<Handle> result;
  for (const std::size_t i : different) {
    (tasks[i].done() ? result.done : result.pending).push_back(std::move(tasks[i]));
  }
  co_return result;
}

template <class First, class... Rest>
inline constexpr bool all_same = (std::is_same_v<First, Rest> && ...);

template <class... Ts>
struct common_handle {
  using type = any_task;
};
template <class First, class... Rest>
  requires all_same<First, Rest...>
struct common_handle<First, Rest...> {
  using type = First;
};

}  // namespace detail

/// Waits for tasks or futures; never throws their errors and cancels nothing.
///
/// Shape:   a named vector of tasks or futures, not empty; duplicates count once.
/// Cancel:  leaves the tasks alone.   Throws: value_error (empty, unknown return_when), foreign_runtime, cancelled_error.
/// Like:    asyncio.wait.
template <class Handle>
coro<wait_result<Handle>> wait(std::vector<Handle> tasks, wait_options options = wait_options()) {
  static_assert(!is_coro_v<Handle>, "wait() takes tasks or futures, not coroutines: make tasks of them first");
  return detail::wait_all<Handle>(std::move(tasks), options);
}

/// The same for any other collection of handles, all_tasks() for one.
template <class Range>
  requires detail::future_handle<std::remove_cvref_t<decltype(*std::declval<const Range&>().begin())>>
auto wait(const Range& tasks, wait_options options = wait_options()) {
  using handle_type = std::remove_cvref_t<decltype(*tasks.begin())>;
  return detail::wait_all<handle_type>(std::vector<handle_type>(tasks.begin(), tasks.end()), options);
}

/// The same for tasks given one by one; the options may come last. Tasks of different result types become any_task.
template <class... Ts>
  requires(sizeof...(Ts) > 0)
auto wait(const wait_options& options, const Ts&... tasks) {
  using handle_type = typename detail::common_handle<Ts...>::type;
  std::vector<handle_type> all;
  all.reserve(sizeof...(Ts));
  (all.push_back(handle_type(tasks)), ...);
  return detail::wait_all<handle_type>(std::move(all), options);
}
template <class T, class... Ts>
  requires detail::future_handle<T>
auto wait(const T& first, const Ts&... rest) {
  const auto given = std::forward_as_tuple(first, rest...);
  constexpr std::size_t last = sizeof...(Ts);
  if constexpr (std::is_same_v<std::remove_cvref_t<std::tuple_element_t<last, decltype(given)>>, wait_options>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return wait(std::get<last>(given), std::get<I>(given)...);
    }(std::make_index_sequence<last>());
  } else {
    return wait(wait_options(), first, rest...);
  }
}

}  // namespace gyre
