// SPDX-License-Identifier: BSL-1.0
#pragma once
// The bridge between a fiber's stack and the coroutine that stands for it.  Layer: fiber.  Bodies: lib/fiber/fiber.cpp
#include <gyre/base/config.hpp>
#include <gyre/core/promise.hpp>
#include <gyre/core/task_core.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>

namespace gyre::detail {

class fiber_stack;

/// Rounds a stack size up to one that exists.   Throws: value_error.
[[nodiscard]] std::size_t usable_stack_size(std::size_t wanted);

/// A function on a stack of its own. Lives in the frame of the fiber's coroutine, its frame from here on.
///
///   The frame's side, on the thread's stack               The fiber's side, on its own
///   advance: enters the stack                        ->   the function runs
///                                                    <-   wait: names an awaiter on its stack, and leaves
///   the awaiter is suspended with the frame as the one
///   to resume; the thread is free
///   the frame is resumed: advance enters the stack   ->   wait returns; the awaiter gives its result or throws
///
/// The awaiter is suspended after the stack was left: from then on any thread may resume the frame and enter the stack.
///
/// Thread:  the task's: one at a time, also when it moves between threads.
class fiber_run {
 public:
  using function = void (*)(void* call);
  /// Suspends `awaiter`; null: it did not suspend.
  using suspend_function = std::coroutine_handle<> (*)(void* awaiter, std::coroutine_handle<promise_base> at);

  /// `body(call)` is to run on a stack; it fills `result`, or leaves an error there.
  fiber_run(function body, void* call, result_base& result, std::size_t stack_size) noexcept
      : body_(body), call_(call), result_(result), stack_size_(stack_size) {}
  fiber_run(const fiber_run&) = delete;
  fiber_run& operator=(const fiber_run&) = delete;
  /// Unwinds a stack that waits.
  ~fiber_run();

  /// Awaited by the frame, again and again until it gives true: the function has ended.
  class step_awaiter : public awaiter_base {
   public:
    explicit step_awaiter(fiber_run& run) noexcept : run_(run) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> at) noexcept {
      return run_.advance(at);
    }
    [[nodiscard]] bool await_resume() const noexcept { return run_.ended_; }

   private:
    fiber_run& run_;
  };
  [[nodiscard]] step_awaiter step() noexcept { return step_awaiter(*this); }

  /// The fiber whose code calls this, which is about to await something at `where`.
  ///
  /// Throws:  not_in_fiber; what await() throws in a fiber that is being unwound.
  [[nodiscard]] static fiber_run& running(const std::source_location& where);

  /// In the fiber: leaves the stack until the awaiter has been resumed.
  GYRE_NOINLINE void wait(void* awaiter, suspend_function suspend);

 private:
  [[nodiscard]] GYRE_NOINLINE std::coroutine_handle<> advance(std::coroutine_handle<> frame) noexcept;
  [[nodiscard]] bool begin() noexcept;
  void enter() noexcept;
  static void run_body(void* self) noexcept;
  [[noreturn]] void refuse();
  void report_swallowed() noexcept;
  [[nodiscard]] promise_base& frame() const noexcept { return promise_base::of(frame_); }

  function body_;
  void* call_;
  result_base& result_;
  std::size_t stack_size_;
  fiber_stack* stack_ = nullptr;             // from its first step to its end
  std::coroutine_handle<> frame_ = nullptr;  // the coroutine that stands for it
  std::source_location line_;                // of its latest await(); the frame's own line is that of step()
  void* awaiter_ = nullptr;                  // what the fiber waits for
  suspend_function suspend_ = nullptr;
  std::exception_ptr refused_by_;            // what the awaiter threw instead of suspending
  context_slot* entered_context_ = nullptr;  // the thread's word for contexts, while the fiber is not on it
  unsigned refusals_ = 0;                    // calls of await() during the unwinding
  bool ended_ = false;
  bool unwinding_ = false;
  bool swallowed_ = false;    // the function has caught its unwinding and gone on
  bool left_behind_ = false;  // and does not end
};

template <class Awaiter>
std::coroutine_handle<> suspend_awaiter(void* awaiter, std::coroutine_handle<promise_base> at) {
  auto& waiting = *static_cast<Awaiter*>(awaiter);
  using answer = decltype(waiting.await_suspend(at));
  if constexpr (std::is_void_v<answer>) {
    waiting.await_suspend(at);
    return std::noop_coroutine();
  } else if constexpr (std::is_same_v<answer, bool>) {
    return waiting.await_suspend(at) ? std::coroutine_handle<>(std::noop_coroutine()) : nullptr;
  } else {
    return waiting.await_suspend(at);
  }
}

template <class Awaiter>
decltype(auto) wait_in_fiber(fiber_run& here, Awaiter& awaiter) {
  if (!awaiter.await_ready()) here.wait(&awaiter, &suspend_awaiter<Awaiter>);
  return awaiter.await_resume();
}

}  // namespace gyre::detail
