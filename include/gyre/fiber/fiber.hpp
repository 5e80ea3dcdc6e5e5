// SPDX-License-Identifier: BSL-1.0
#pragma once
// Tasks whose body is a stack: plain functions at any depth wait with gyre::await().  Layer: fiber.
// Bodies: lib/fiber/fiber.cpp.  Tests: tests/fiber
#include <gyre/base/invoke.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/error.hpp>
#include <gyre/fiber/fiber_run.hpp>

#include <cstddef>
#include <memory>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gyre {

/// await() was called by code that does not run in a fiber.
class not_in_fiber : public error {
 public:
  using error::error;
};

/// How a fiber is to be made.
struct fiber_options {
  /// Units: bytes; rounded up to a power of two, at least 16 KiB, at most 1 GiB. Only touched pages cost memory.
  std::size_t stack_size = std::size_t{128} * 1024;
};

/// The stacks of all fibers of the process.
struct fiber_counts {
  std::size_t in_use = 0;            ///< stacks of fibers that have begun and not ended
  std::size_t pooled = 0;            ///< stacks that wait for a fiber
  std::size_t left_behind = 0;       ///< stacks of fibers that could not be unwound; their memory is lost
  std::size_t mapped_bytes = 0;      ///< address space of all stacks, guard pages included
  std::size_t high_water_bytes = 0;  ///< the most that a stack was used, in whole pages
};

/// Counts the stacks now.
///
/// Cost:    two system calls a stack, more for large ones: for statistics, not for every request.   Thread: any.
[[nodiscard]] fiber_counts fiber_stats();

namespace detail {

template <class F, class... Args>
class fiber_call;

template <class F, class... Args>
using fiber_call_for = fiber_call<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>;

template <class F, class... Args>
concept fiber_callable = std::is_invocable_v<std::decay_t<F>&, std::unwrap_ref_decay_t<Args>...>;

}  // namespace detail

/// A coroutine that runs `fn(args...)`, a plain function, on a stack of its own. Whatever it calls, at any depth, may
/// wait with await(). Callable and arguments are copied or moved in and live as long as the body; std::ref passes a
/// reference.
///
/// Like:    a greenlet. To its task the fiber is a coroutine like any other: it is awaited, made a task, gathered, ...
/// Thread:  a stealable task may go on on another thread after each await(): what the function keeps over one must not
///          be tied to a thread (an errno, a thread_local, a held std::mutex). Pin the task where a library needs one.
/// Life:    destroyed while it waits, by a loop that closes, the stack is unwound: await() throws what only catch (...)
///          sees. Rethrow it. A fiber that does not is reported, and given up with its stack if it goes on to await().
/// Throws:  value_error (a stack size out of range); when awaited, what `fn` throws, std::bad_alloc (no stack).
/// Cost:    one pooled frame and one pooled stack, taken when it begins.
template <class F, class... Args>
  requires detail::fiber_callable<F, Args...>
[[nodiscard]] auto fiber(const fiber_options& options, F&& fn, Args&&... args) {
  using call = detail::fiber_call_for<F, Args...>;
  const std::size_t size = detail::usable_stack_size(options.stack_size);
  return call::fiber(call(std::forward<F>(fn), std::forward<Args>(args)...), size);
}
template <class F, class... Args>
  requires detail::fiber_callable<F, Args...>
[[nodiscard]] auto fiber(F&& fn, Args&&... args) {
  return gyre::fiber(fiber_options(), std::forward<F>(fn), std::forward<Args>(args)...);
}

/// Waits inside a fiber for what a coroutine would co_await, and gives what that would give. The thread is not blocked.
///
/// Cancel:  as co_await of the same: cancelled_error comes out of this call.
/// Throws:  not_in_fiber, naming the task, outside a fiber's own code: in a coroutine, also one that the fiber awaits,
///          in a callback, on another thread. error in a destructor that runs because the fiber is destroyed.
/// Cost:    two switches of stacks; nothing is allocated or copied, the awaiter is on the fiber's stack.
template <class A>
decltype(auto) await(A&& awaited, std::source_location where = std::source_location::current()) {
  static_assert(detail::awaitable_here<A>,
                "this type cannot be awaited in a fiber: await gyre's coros, tasks, futures and primitives; "
                "for Asio operations pass the completion token gyre::use_gyre");
  detail::fiber_run& here = detail::fiber_run::running(where);
  if constexpr (detail::has_member_co_await<A>) {
    auto awaiter = std::forward<A>(awaited).operator co_await();
    return detail::wait_in_fiber(here, awaiter);
  } else {
    return detail::wait_in_fiber(here, awaited);
  }
}

namespace detail {

/// Callable and arguments of a fiber; a copy lives in its coroutine's frame.
template <class F, class... Args>
class fiber_call {
 public:
  using value_type = std::remove_cv_t<std::invoke_result_t<F&, Args...>>;
  static_assert(!is_coro_v<value_type>, "this function is a coroutine: await it; a fiber is for plain functions");
  static_assert(!std::is_rvalue_reference_v<value_type>, "a fiber's function may not return an rvalue reference");

  template <class G, class... Given>
  explicit fiber_call(G&& fn, Given&&... given)
      : callable_(std::forward<G>(fn)), arguments_(std::forward<Given>(given)...) {}

  /// Named after what the user called: it is the name of the coroutine.
  static coro<value_type> fiber(fiber_call call, std::size_t stack_size) {
    outcome end(call);
    fiber_run run(&outcome::run, &end, end.result, stack_size);
    while (!co_await run.step()) {
    }
    co_return end.result.take();
  }

 private:
  struct outcome {
    explicit outcome(fiber_call& c) noexcept : call(c) {}
    static void run(void* self) { static_cast<outcome*>(self)->fill(); }
    void fill() {
      if constexpr (std::is_void_v<value_type>) {
        call.invoke();
        result.emplace();
      } else if constexpr (std::is_reference_v<value_type>) {
        result.emplace(std::addressof(call.invoke()));
      } else {
        result.emplace(call.invoke());
      }
    }

    fiber_call& call;
    result_slot<value_type> result;
  };

  decltype(auto) invoke() {
    const auto call = [this](auto&... each) -> decltype(auto) {
      return call_any(callable_, std::forward<Args>(each)...);
    };
    return std::apply(call, arguments_);
  }

  F callable_;
  std::tuple<Args...> arguments_;
};

}  // namespace detail
}  // namespace gyre
