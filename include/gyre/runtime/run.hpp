// SPDX-License-Identifier: BSL-1.0
#pragma once
// run(main): a program from its main coroutine.  Layer: runtime.  Bodies: lib/runtime/runner.cpp
#include <gyre/runtime/run_options.hpp>

#include <memory>

namespace gyre {

namespace detail {
class runner_core;
}

/// Runs several main coroutines one after another on one set of loops.
///
/// Life:    the loops start with the first use; close() or the destructor ends them.
/// Thread:  the one that made it; refused on a loop's thread.   Like: asyncio.Runner.
class runner {
 public:
  explicit runner(run_options options = run_options());
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;
  ~runner();

  /// Runs `main` to its end on this thread, the other loops on theirs.
  ///
  /// Throws:  what main throws; keyboard_interrupt after SIGINT; already_running; error when closed.
  ///
  /// It runs in the context of this runner, a copy of the caller's at the first use: what one main sets the next sees.
  template <class T>
  T run(coro<T> main) {
    return run_in(std::move(main), nullptr);
  }
  /// The same in the context `in`.
  template <class T>
  T run(coro<T> main, const context& in) {
    return run_in(std::move(main), &in);
  }
  template <detail::unawaited_call A, class... In>
  typename A::value_type run(A main, const In&... in) {
    return run(detail::as_coro(std::move(main)), in...);
  }

  /// The loop of the calling thread.
  [[nodiscard]] event_loop& get_loop();
  /// Cancels what is left, waits for it, ends the default executor, closes the loops. Twice is harmless.
  ///
  /// Throws:  would_deadlock on a loop's thread.
  void close();

 private:
  template <class T>
  T run_in(coro<T> main, const context* in) {
    main.check_fresh("run");
    event_loop& loop = prepare();
    task_options options;
    options.pin = true;
    options.loop = &loop;
    options.context = in != nullptr ? in : &own_context();
    const task<T> t = create_task(std::move(main), options);
    finish(t.core("run"));
    return detail::take_result<T>(t);
  }
  event_loop& prepare();
  [[nodiscard]] const context& own_context() const noexcept;
  void finish(detail::future_core& main);

  std::unique_ptr<detail::runner_core> core_;
};

/// Runs `main` on the calling thread, with the other loops on threads of their own, then ends everything it started.
///
/// Shape:   when main has ended: tasks that are left are cancelled and awaited, executors joined, loops closed.
/// Throws:  what main throws; keyboard_interrupt after SIGINT; already_running inside a running loop.
/// Like:    asyncio.run.
template <class T>
T run(coro<T> main, const run_options& options = run_options()) {
  runner r(options);
  if constexpr (std::is_void_v<T>) {
    r.run(std::move(main));
    r.close();
  } else {
    T value = r.run(std::move(main));
    r.close();
    return value;
  }
}

template <detail::unawaited_call A>
typename A::value_type run(A main, const run_options& options = run_options()) {
  return run(detail::as_coro(std::move(main)), options);
}

}  // namespace gyre
