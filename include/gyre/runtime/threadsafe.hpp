// SPDX-License-Identifier: BSL-1.0
#pragma once
// From threads outside: run_coroutine_threadsafe and the future to wait on.  Layer: runtime.
// Bodies: lib/runtime/threadsafe.cpp
#include <gyre/core/task.hpp>
#include <gyre/loop/event_loop.hpp>
#include <gyre/runtime/runtime.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace gyre {

namespace detail {

/// Blocks the calling thread until `task` is done.
///
/// Throws:  timeout_error; would_deadlock, naming the loop's task, when the thread runs a loop; loop_closed if the loop was
///          closed before the task ended.
void block_until_done(future_core& task, std::optional<std::chrono::nanoseconds> timeout, const char* call);

/// Adopts the task of a submission and queues its first step at a loop, from any thread.
void submit_task(own_task& t, home& where, bool stealable);

}  // namespace detail

/// The result of a coroutine that runs on some loop, for a thread that is no loop.
///
/// Thread:  any, for every member; result() and exception() refuse to block a loop's own thread.
/// Like:    concurrent.futures.Future.
template <class T>
class blocking_future {
 public:
  explicit blocking_future(detail::core_ref<detail::future_core> task) noexcept : task_(std::move(task)) {}

  /// Blocks until the coroutine has ended, and gives its result.
  ///
  /// Throws:  what it ended with; timeout_error (the coroutine runs on); would_deadlock on a loop's thread; loop_closed.
  T result(std::optional<std::chrono::nanoseconds> timeout = std::nullopt) const {
    wait(timeout, "blocking_future::result");
    task_->check_result();
    auto& slot = static_cast<detail::result_slot<T>&>(task_->slot());
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*slot.value());
    } else if constexpr (detail::is_copyable<T>) {
      return slot.value();
    } else {
      return std::move(slot.value());
    }
  }
  /// The error it ended with, null for a value.
  [[nodiscard]] std::exception_ptr exception(std::optional<std::chrono::nanoseconds> timeout = std::nullopt) const {
    wait(timeout, "blocking_future::exception");
    return task_->exception();
  }
  /// Cancels the task. False if it is done.
  bool cancel() const { return task_->cancel({}); }
  [[nodiscard]] bool done() const noexcept { return task_->done(); }
  [[nodiscard]] bool cancelled() const noexcept {
    return task_->outcome() == detail::future_core::status::cancelled;
  }

 private:
  void wait(std::optional<std::chrono::nanoseconds> timeout, const char* call) const {
    detail::block_until_done(*task_, timeout, call);
  }

  detail::core_ref<detail::future_core> task_;
};

namespace detail {

template <class T>
blocking_future<T> submit(coro<T>& body, home& where, bool stealable) {
  if (where.closed()) {
    body.close();
    throw loop_closed("run_coroutine_threadsafe: the event loop is closed");
  }
  const auto frame = body.consume("run_coroutine_threadsafe");
  const bool pinned = !stealable || where.asyncio_order();
  own_task_of<T>* record = nullptr;
  try {
    record = new own_task_of<T>(where, frame, pinned ? task_bits::pinned : 0);
  } catch (...) {
    frame.destroy();
    throw;
  }
  frame.promise().task = record;
  frame.promise().slot = &record->result;
  core_ref<future_core> handle(core_ref<own_task>::share(*record).release());
  submit_task(*record, where, !pinned);
  return blocking_future<T>(std::move(handle));
}

[[nodiscard]] home& any_loop_of(runtime& r) noexcept;

}  // namespace detail

/// Runs `body` as a task of `loop`, pinned to it.
///
/// Thread:  any.   Throws: loop_closed (the body is destroyed unrun), std::bad_alloc.
/// Cost:    one pooled record, one queue entry, one wake-up a burst.   Like: asyncio.run_coroutine_threadsafe.
template <class T>
blocking_future<T> run_coroutine_threadsafe(coro<T> body, event_loop& loop) {
  return detail::submit(body, detail::home_of(loop), false);
}
/// The same on the loops of the runtime in turn; a loop that has nothing to do may steal it.
template <class T>
blocking_future<T> run_coroutine_threadsafe(coro<T> body, runtime& r) {
  return detail::submit(body, detail::any_loop_of(r), true);
}

}  // namespace gyre
