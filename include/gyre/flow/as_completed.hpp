// SPDX-License-Identifier: BSL-1.0
#pragma once
// as_completed: tasks in the order in which they end.  Layer: flow.  Bodies: lib/flow/as_completed.cpp
#include <gyre/base/time_span.hpp>
#include <gyre/flow/ensure_future.hpp>
#include <gyre/loop/event_loop.hpp>
#include <gyre/sync/queue.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace gyre {

namespace detail {

/// The ends of several futures as a queue of their positions. Entries under way keep it alive.
///
///   unfinished_, limit_   used on the loop that runs watch(), in its turns
class completion_order {
 public:
  static constexpr std::size_t too_late = SIZE_MAX;  // stands in the queue for each future that had not ended in time

  explicit completion_order(home& loop) noexcept : loop_(loop.identity()), era_(loop_.era()) {}

  /// Starts to watch; the queue's items come one step after each end, on the loop that runs now.
  static std::shared_ptr<completion_order> watch(const pooled_vector<core_ref<future_core>>& futures,
                                                 std::optional<std::chrono::nanoseconds> timeout);

  /// Lives in next(): its task waits for all these futures.
  class waiting : public list_link<> {
   public:
    explicit waiting(completion_order& order);
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;
    ~waiting();

   private:
    friend class completion_order;
    completion_order& order_;
    task_core& task_;
  };

  queue<std::size_t> done;

 private:
  class watcher;
  bool note_awaiters(awaiter_list& out) noexcept;
  void post(runnable& r) noexcept;
  void ended(std::size_t index);
  void time_out();

  loop_identity& loop_;  // of the loop that runs watch(), which may go before the futures end
  std::uint32_t era_;
  std::size_t unfinished_ = 0;
  std::optional<timer_handle> limit_;
  spin_lock waiting_guard_;
  intrusive_list<waiting> waiting_;  // under waiting_guard_
};

}  // namespace detail

/// Gives tasks as they end. Made by as_completed(); `while (auto t = co_await ends.next()) ...`
template <class Handle>
class completions {
 public:
  completions(std::vector<Handle> tasks, std::optional<std::chrono::nanoseconds> timeout) : tasks_(std::move(tasks)) {
    detail::pooled_vector<detail::core_ref<detail::future_core>> cores;
    for (const Handle& each : tasks_) cores.push_back(each.shared("as_completed"));
    order_ = detail::completion_order::watch(cores, timeout);
  }

  /// The next task that has ended, done: read its result. Empty when all were given.
  ///
  /// Throws:  timeout_error from each step after the limit; the tasks run on.
  coro<std::optional<Handle>> next() {
    if (given_ == tasks_.size()) co_return std::nullopt;
    ++given_;
    const detail::completion_order::waiting here(*order_);
    const std::size_t i = co_await order_->done.get();
    if (i == detail::completion_order::too_late) throw timeout_error();
    co_return tasks_[i];
  }

 private:
  std::vector<Handle> tasks_;
  std::shared_ptr<detail::completion_order> order_;
  std::size_t given_ = 0;
};

/// Watches tasks or futures and gives them in the order in which they end; duplicates count once.
///
/// Throws:  no_running_loop, foreign_runtime.   Like: asyncio.as_completed (its asynchronous iteration: the very tasks come out).
template <class Handle>
  requires(!is_coro_v<Handle>)
completions<Handle> as_completed(const std::vector<Handle>& tasks, std::optional<time_span> timeout = std::nullopt) {
  detail::pooled_vector<detail::core_ref<detail::future_core>> given;
  for (const Handle& each : tasks) given.push_back(each.shared("as_completed"));
  std::vector<Handle> different;
  for (const std::size_t i : detail::first_places(given)) different.push_back(tasks[i]);
  return completions<Handle>(std::move(different), timeout);
}

/// Coroutines become tasks at the call.
template <class T>
completions<task<T>> as_completed(std::vector<coro<T>> bodies, std::optional<time_span> timeout = std::nullopt) {
  std::vector<task<T>> tasks;
  tasks.reserve(bodies.size());
  for (coro<T>& each : bodies) tasks.push_back(ensure_future(std::move(each)));
  return as_completed(tasks, timeout);
}

}  // namespace gyre
