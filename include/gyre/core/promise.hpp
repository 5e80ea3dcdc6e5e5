// SPDX-License-Identifier: BSL-1.0
#pragma once
// What every coroutine frame carries: who waits for it, which task runs it, where its result goes, where it awaits.
// Layer: core.
#include <gyre/base/rethrow.hpp>
#include <gyre/core/frame_pool.hpp>
#include <gyre/core/trace.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gyre {

/// Stands for "no value" where a void result needs an object: in gather's tuple, in result<void>.   Like: None.
struct unit {
  friend bool operator==(unit, unit) noexcept { return true; }
  template <class String>
  void append_text(String& out) const {
    out += "None";
  }
};

namespace detail {

class task_core;
struct result_base;

/// The exception that is being handled becomes the outcome; it has passed here.
void keep_failure(result_base& outcome, std::source_location at) noexcept;

/// The part of a result that does not depend on its type. Empty, a value, or an error; an error hides a value.
struct result_base {
  std::exception_ptr error;
  bool has_value = false;
};

template <class T>
using stored = std::conditional_t<std::is_void_v<T>, unit,
                                  std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

/// Whether a result can be copied for a second taker. A container says yes for itself even where its elements say no.
template <class T>
inline constexpr bool is_copyable = std::is_copy_constructible_v<T>;
template <class T>
  requires requires(T& t) {
    typename T::value_type;
    t.begin();
    requires !std::same_as<typename T::value_type, T>;
  }
inline constexpr bool is_copyable<T> = std::is_copy_constructible_v<T> && is_copyable<typename T::value_type>;
template <class... Ts>
inline constexpr bool is_copyable<std::tuple<Ts...>> = (is_copyable<Ts> && ...);

/// Room for one T or an error, filled once.
template <class T>
class result_slot : public result_base {
 public:
  using value_type = stored<T>;

  result_slot() noexcept {}  // NOLINT: value_ stays unconstructed
  result_slot(const result_slot&) = delete;
  result_slot& operator=(const result_slot&) = delete;
  ~result_slot() {
    if constexpr (!std::is_trivially_destructible_v<value_type>) {
      if (has_value) std::destroy_at(&value_);
    }
  }

  template <class... Args>
  void emplace(Args&&... args) {
    std::construct_at(&value_, std::forward<Args>(args)...);
    has_value = true;
  }

  [[nodiscard]] value_type& value() noexcept { return value_; }
  [[nodiscard]] const value_type& value() const noexcept { return value_; }

  /// The value moved out, or the error thrown.
  T take() {
    if (error != nullptr) [[unlikely]]
      rethrow(std::exchange(error, nullptr));
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*value_);
    } else if constexpr (!std::is_void_v<T>) {
      return std::move(value_);
    }
  }

 private:
  union {
    value_type value_;
  };
};

/// Marks what a gyre coroutine may co_await: its own awaiters, which know tasks, homes and cancellation.
struct awaiter_base {};

template <class A>
concept has_member_co_await = requires(A&& a) { std::forward<A>(a).operator co_await(); };

template <class A>
concept awaitable_here = std::derived_from<std::remove_cvref_t<A>, awaiter_base> || has_member_co_await<A>;

/// An awaiter by reference. g++ 12 copies an awaiter that await_transform returns as a reference; this it may copy.
template <class Awaiter>
class awaiter_ref {
 public:
  explicit awaiter_ref(Awaiter& awaiter) noexcept : awaiter_(awaiter) {}
  [[nodiscard]] bool await_ready() { return awaiter_.await_ready(); }
  template <class Promise>
  [[nodiscard]] auto await_suspend(std::coroutine_handle<Promise> at) {
    return awaiter_.await_suspend(at);
  }
  decltype(auto) await_resume() { return awaiter_.await_resume(); }

 private:
  Awaiter& awaiter_;
};

/// First base of every promise, at the same place in every frame, so that the frame behind any coroutine handle of ours
/// can be asked for it.
struct promise_base {
  std::coroutine_handle<> continuation = nullptr;  // who awaits this coroutine; null at the root of a task
  task_core* task = nullptr;                       // the task it runs in; null until it starts
  union {
    result_base* slot;         // where the result goes: awaiter, record or join block; set with task
    promise_base* next_given;  // before that: the next one of those that a call was given, see given_coros
  };
  std::source_location line;  // the definition before the first await, then the latest await

  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { pool_deallocate(memory, size); }

  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }

  /// Keeps the error for who awaits this coroutine, and notes that it passed here.
  void unhandled_exception() noexcept { keep_failure(*slot, line); }

  /// Notes the line of each await: call graphs, reports and texts of tasks read it.
  template <class A>
  [[nodiscard]] decltype(auto) await_transform(A&& awaited,
                                               std::source_location where = std::source_location::current()) {
    static_assert(awaitable_here<A>,
                  "this type cannot be awaited in a gyre coroutine: await gyre's coros, tasks, futures and primitives; "
                  "for Asio operations pass the completion token gyre::use_gyre");
    line = where;
    interruption_point();
    if constexpr (has_member_co_await<A>) {
      return std::forward<A>(awaited).operator co_await();
    } else if constexpr (awaits_references) {
      return std::forward<A>(awaited);
    } else {
      return awaiter_ref<std::remove_reference_t<A>>(awaited);
    }
  }

  /// The promise of any suspended coroutine of gyre's.
  [[nodiscard]] static promise_base& of(std::coroutine_handle<> h) noexcept {
    return std::coroutine_handle<promise_base>::from_address(h.address()).promise();
  }
  /// The outermost coroutine of the task whose innermost one is `h`: destroying it destroys them all.
  [[nodiscard]] static std::coroutine_handle<> root_of(std::coroutine_handle<> h) noexcept {
    while (const auto outer = of(h).continuation) h = outer;
    return h;
  }
};

}  // namespace detail
}  // namespace gyre
