// SPDX-License-Identifier: BSL-1.0
#pragma once
// The event loop: callbacks, timers, tasks of one thread.  Layer: loop.  Bodies: lib/loop/event_loop.cpp
#include <gyre/base/invoke.hpp>
#include <gyre/base/time_span.hpp>
#include <gyre/core/call.hpp>
#include <gyre/core/offload_executor.hpp>
#include <gyre/core/task.hpp>
#include <gyre/loop/exception_handler.hpp>
#include <gyre/loop/handle.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace gyre {

class thread_pool_executor;

namespace detail {
class loop_core;
struct loop_setup;

/// Gives a function to an executor, null for the default one of this loop.   Body: lib/runtime/offload.cpp
void start_in_executor(event_loop& loop, const executor_ref& executor, const core_ref<offload_core>& call);

/// Not a context: that is the first argument of the forms that take one.
template <class F>
concept callback = !std::same_as<std::remove_cvref_t<F>, context>;

template <class F, class... Args>
unique_function<void()> bind_callback(F&& fn, Args&&... args) {
  using result = std::invoke_result_t<std::decay_t<F>&, std::unwrap_ref_decay_t<Args>&...>;
  static_assert(!is_coro_v<std::remove_cvref_t<result>>,
                "a coroutine function cannot be a callback: use create_task, or run_coroutine_threadsafe from outside");
  if constexpr (sizeof...(Args) == 0) {
    return unique_function<void()>([fn = std::forward<F>(fn)]() mutable { call_any(fn); });
  } else {
    return unique_function<void()>(
        [fn = std::forward<F>(fn), kept = std::make_tuple(std::forward<Args>(args)...)]() mutable {
          std::apply([&fn](auto&... each) { call_any(fn, each...); }, kept);
        });
  }
}

/// A std::chrono delay in nanoseconds.   Throws: value_error for NaN.
template <class Rep, class Period>
[[nodiscard]] std::int64_t delay_of(std::chrono::duration<Rep, Period> delay, const char* call) {
  if constexpr (std::is_floating_point_v<Rep>) {
    if (delay.count() != delay.count()) throw value_error(std::string(call) + ": the delay is not a number");
  }
  return clamped_nanoseconds(delay);
}
}  // namespace detail

/// Runs callbacks, timers and tasks, one at a time, on the thread that runs it.
///
/// Thread:  call_soon_threadsafe, stop, time, is_*: any. call_soon, call_later, call_at, create_task: the loop's own, or
///          another loop of the same runtime, for which they act as their thread-safe form. The others: the loop's own, or
///          the thread that uses it while it does not run.
/// Like:    asyncio.EventLoop. get_running_loop() gives it inside; a worker of a runtime is one too.
class event_loop {
 public:
  using time_point = loop_clock::time_point;

  /// A loop of its own, in asyncio's order. Usually made by new_event_loop().
  event_loop();
  explicit event_loop(const detail::loop_setup& setup);
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;
  /// Closes it; a loop that is running must not be destroyed.
  ~event_loop();

  /// Runs until the result is there, and gives it.
  ///
  /// Throws:  what it ended with; error when the loop was stopped before; already_running; loop_closed; value_error for a
  ///          future of another runtime.
  template <class T>
  T run_until_complete(coro<T> main) {
    task<T> t = create_task(std::move(main));
    drive(t.core("run_until_complete"));
    return detail::take_result<T>(t);
  }
  template <class T, class Self>
  T run_until_complete(const detail::basic_future<T, Self>& f) {
    drive(f.core("run_until_complete"));
    return detail::take_result<T>(f);
  }
  template <detail::unawaited_call A>
  typename A::value_type run_until_complete(A call) {
    return run_until_complete(detail::as_coro(std::move(call)));
  }
  /// The same for a gather, which starts here; as in asyncio, on the loop of its futures, else on the one set for this thread.
  template <class G>
    requires requires(G& g) { g.start(); }
  auto run_until_complete(G&& gathering) {
    return run_until_complete(gathering.start());
  }

  /// Runs until stop().   Throws: already_running, loop_closed; keyboard_interrupt or system_exit that left a task.
  void run_forever();
  /// Lets the current iteration end, then leaves run_forever(). What it queued stays for the next run.
  void stop() noexcept;
  /// Drops callbacks and timers, destroys the tasks that are left. Twice is fine.   Throws: error while it runs.
  void close();
  [[nodiscard]] bool is_running() const noexcept;
  [[nodiscard]] bool is_closed() const noexcept;

  /// A task of this loop, pinned to it.   Throws: loop_closed.
  template <class T>
  task<T> create_task(coro<T> body, task_options options = task_options(),
                      std::source_location here = std::source_location::current()) {
    options.loop = this;
    options.pin = true;
    return gyre::create_task(std::move(body), options, here);
  }
  template <detail::unawaited_call A>
  task<typename A::value_type> create_task(A call, const task_options& options = task_options(),
                                           std::source_location here = std::source_location::current()) {
    return create_task(detail::as_coro(std::move(call)), options, here);
  }
  /// The same of `fn(args...)`; callable and arguments live as long as its body.
  template <class F, class... Args>
    requires detail::starts_coro<F, Args...>
  auto create_task(F&& fn, Args&&... args) {
    return create_task(task_options(), std::forward<F>(fn), std::forward<Args>(args)...);
  }
  template <class F, class... Args>
    requires detail::starts_coro<F, Args...>
  auto create_task(task_options options, F&& fn, Args&&... args) {
    options.loop = this;
    options.pin = true;
    return gyre::create_task(options, std::forward<F>(fn), std::forward<Args>(args)...);
  }
  template <class T>
  [[nodiscard]] future<T> create_future(std::source_location here = std::source_location::current()) {
    return future<T>(detail::home_of(*this), here);
  }

  /// Queues `fn(args...)` for the next iteration.
  ///
  /// Throws:  loop_closed; in debug mode error on a thread outside the loop's runtime.   Cost: one pooled object.
  template <detail::callback F, class... Args>
  handle call_soon(F&& fn, Args&&... args) {
    return queue_call(detail::bind_callback(std::forward<F>(fn), std::forward<Args>(args)...), nullptr);
  }
  /// The same in the context `in`; without one, a callback runs in a copy of the context that it was queued from.
  template <class F, class... Args>
  handle call_soon(const context& in, F&& fn, Args&&... args) {
    return queue_call(detail::bind_callback(std::forward<F>(fn), std::forward<Args>(args)...), &in);
  }
  /// The same from any thread; wakes the loop.
  template <detail::callback F, class... Args>
  handle call_soon_threadsafe(F&& fn, Args&&... args) {
    return queue_foreign_call(detail::bind_callback(std::forward<F>(fn), std::forward<Args>(args)...), nullptr);
  }
  template <class F, class... Args>
  handle call_soon_threadsafe(const context& in, F&& fn, Args&&... args) {
    return queue_foreign_call(detail::bind_callback(std::forward<F>(fn), std::forward<Args>(args)...), &in);
  }
  /// Queues `fn(args...)` for `delay` from now. A negative delay is due at once.   Throws: loop_closed, value_error (NaN).
  template <class Rep, class Period, detail::callback F, class... Args>
  timer_handle call_later(std::chrono::duration<Rep, Period> delay, F&& fn, Args&&... args) {
    const std::int64_t ns = detail::delay_of(delay, "call_later");
    return queue_timer(ns, true, detail::bind_callback(std::forward<F>(fn), std::forward<Args>(args)...), nullptr);
  }
  template <class Rep, class Period, class F, class... Args>
  timer_handle call_later(std::chrono::duration<Rep, Period> delay, const context& in, F&& fn, Args&&... args) {
    const std::int64_t ns = detail::delay_of(delay, "call_later");
    return queue_timer(ns, true, detail::bind_callback(std::forward<F>(fn), std::forward<Args>(args)...), &in);
  }
  /// The same for a point of this loop's clock.
  template <detail::callback F, class... Args>
  timer_handle call_at(time_point when, F&& fn, Args&&... args) {
    return queue_timer(when.time_since_epoch().count(), false,
                       detail::bind_callback(std::forward<F>(fn), std::forward<Args>(args)...), nullptr);
  }
  template <class F, class... Args>
  timer_handle call_at(time_point when, const context& in, F&& fn, Args&&... args) {
    return queue_timer(when.time_since_epoch().count(), false,
                       detail::bind_callback(std::forward<F>(fn), std::forward<Args>(args)...), &in);
  }

  /// Seconds on this loop's clock.   Like: loop.time().
  [[nodiscard]] double time() const noexcept;
  /// The same as a time point, in nanoseconds.
  [[nodiscard]] time_point now() const noexcept;

  /// Starts `fn(args...)` on an executor, null for the default one, and gives the future of its result. Callable and arguments
  /// are copied or moved in; the function sees none of the caller's context variables.
  ///
  /// Cancel:  the future ends at once. A function that has not begun never runs; one that runs goes on alone, its result is
  ///          dropped.
  /// Throws:  loop_closed; what the executor throws: error when it was shut down, queue_full at its bound.   Thread: any.
  template <class F, class... Args>
    requires detail::offloadable<F, Args...>
  future<detail::offload_result<F, Args...>> run_in_executor(executor_ref executor, F&& fn, Args&&... args) {
    auto call = detail::make_offload("run_in_executor", std::forward<F>(fn), std::forward<Args>(args)...);
    detail::start_in_executor(*this, executor, call);
    return future<detail::offload_result<F, Args...>>(detail::core_ref<detail::future_core>(call.release()));
  }
  /// Has to_thread() and run_in_executor(nullptr, ...) use this pool, on all loops of the runtime. The one before is not
  /// ended: its last owner does that.   Throws: value_error for null.   Thread: any.
  void set_default_executor(std::shared_ptr<thread_pool_executor> executor);
  /// Ends the default executor: it takes no more work, here and on the other loops of the runtime, and what it took is waited
  /// for, `timeout` at most. Functions that have not ended then are reported by name, and left alone.
  ///
  /// Cancel:  nobody waits any more; no more work is taken all the same.
  coro<> shutdown_default_executor(std::optional<time_span> timeout = std::nullopt);

  /// Closes the asynchronous generators that were begun on this loop and have not ended, all at once. Their errors are
  /// reported, and so is every generator begun later.   Like: loop.shutdown_asyncgens.   Body: lib/runtime/shutdown.cpp
  coro<> shutdown_asyncgens();

  /// Sends reports of errors that nobody took to `handler`; an empty one restores the default, which prints to stderr.
  void set_exception_handler(exception_handler handler);
  /// The handler that was set, null for the default.
  [[nodiscard]] std::shared_ptr<const exception_handler> get_exception_handler() const;
  /// Reports `context` as the loop itself would.
  void call_exception_handler(const exception_context& context) noexcept;
  /// What happens without a handler: one report on stderr.
  void default_exception_handler(const exception_context& context) noexcept;

  /// Has `factory` make the tasks of this loop; an empty one restores the default. In a runtime each loop has its own.
  void set_task_factory(task_factory factory);
  /// The factory that was set, null for the default.
  [[nodiscard]] std::shared_ptr<task_factory> get_task_factory() const;

  /// In debug mode call_soon and its kin refuse threads outside the runtime, and steps and callbacks that take long are
  /// reported.   Thread: any.
  void set_debug(bool on) noexcept;
  [[nodiscard]] bool get_debug() const noexcept;
  /// How long a step or callback may take in debug mode: 100 ms unless set.   Thread: any.
  void slow_callback_duration(time_span limit) noexcept;
  [[nodiscard]] std::chrono::nanoseconds slow_callback_duration() const noexcept;

  [[nodiscard]] detail::loop_core& core() const noexcept { return *core_; }
  /// run_until_complete() without the result, for gyre's own parts.
  void run_until_complete_core(detail::future_core& until) { drive(until); }

 private:
  void drive(detail::future_core& until);
  handle queue_call(unique_function<void()> callback, const context* in);
  handle queue_foreign_call(unique_function<void()> callback, const context* in);
  timer_handle queue_timer(std::int64_t ns, bool relative, unique_function<void()> callback, const context* in);

  std::unique_ptr<detail::loop_core> core_;
};

using default_event_loop = event_loop;

/// The loop that runs on this thread.   Throws: no_running_loop.
[[nodiscard]] event_loop& get_running_loop();
/// The running loop, else the one set for this thread.   Throws: no_running_loop if there is neither.
[[nodiscard]] event_loop& get_event_loop();
/// Sets the loop that get_event_loop() gives on this thread while none runs; null for none.
void set_event_loop(std::shared_ptr<event_loop> loop);
/// A loop of its own; nothing runs it yet.
[[nodiscard]] std::shared_ptr<event_loop> new_event_loop();

/// The task that runs on `loop`; an empty handle in its callbacks, and on threads other than the loop's.
[[nodiscard]] any_task current_task(const event_loop& loop);

/// The unfinished tasks of the running runtime, or of one loop of it. A snapshot; each appears once.
[[nodiscard]] task_set all_tasks();
[[nodiscard]] task_set all_tasks(event_loop& loop);

}  // namespace gyre
