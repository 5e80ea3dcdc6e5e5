// SPDX-License-Identifier: BSL-1.0
#pragma once
// The lazy coroutine: nothing runs until it is awaited or becomes a task.  Layer: core.  Bodies: lib/core/coro.cpp
#include <gyre/base/apart.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/promise.hpp>
#include <gyre/core/task_core.hpp>
#include <gyre/core/transfer.hpp>

#include <string>
#include <string_view>

namespace gyre {
namespace detail {

/// Ends a coroutine: goes on with who awaits it, or ends its task.
struct final_awaiter {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] [[gnu::always_inline]] std::coroutine_handle<> await_suspend(
      std::coroutine_handle<Promise> ended) const noexcept {
    promise_base& p = ended.promise();
    if (p.continuation != nullptr) [[likely]]
      return hand_over(p);
    return transfer(p.task->type->finish(*p.task, ended));
  }
  void await_resume() const noexcept {}

 protected:
  [[nodiscard]] static std::coroutine_handle<> hand_over(const promise_base& p) noexcept {
    p.task->resume_point = p.continuation;
    return transfer(p.continuation);
  }
};

/// The same for a frame in which nothing is left that has a destructor: that of a task need not be destroyed by somebody
/// else, it just runs off its end, after what follows has been noted. A call and a dispatch less for each child of a gather.
struct trivial_final_awaiter : final_awaiter {
  [[gnu::always_inline]] explicit trivial_final_awaiter(const promise_base& p) noexcept
      : over_(p.continuation == nullptr) {
    if (over_) p.task->type->finish_in_place(*p.task, *p.slot);
  }
  [[nodiscard]] [[gnu::always_inline]] bool await_ready() const noexcept { return over_; }
  template <class Promise>
  [[nodiscard]] [[gnu::always_inline]] std::coroutine_handle<> await_suspend(
      std::coroutine_handle<Promise> ended) const noexcept {
    return hand_over(ended.promise());
  }

 private:
  bool over_;
};

template <class T>
class given_coros;

template <class T>
struct coro_promise : promise_base {
  [[nodiscard]] final_awaiter final_suspend() const noexcept { return {}; }
  template <class U = T>
    requires std::is_constructible_v<T, U&&> || std::is_reference_v<T>
  void return_value(U&& value) {
    auto& out = static_cast<result_slot<T>&>(*slot);
    if constexpr (std::is_reference_v<T>) {
      out.emplace(std::addressof(value));
    } else {
      out.emplace(std::forward<U>(value));
    }
  }
};

template <>
struct coro_promise<void> : promise_base {
  [[nodiscard]] final_awaiter final_suspend() const noexcept { return {}; }
  void return_void() { static_cast<result_slot<void>&>(*slot).emplace(); }
};

void append_coroutine_object(std::string& out, const void* frame, std::string_view name);
[[nodiscard]] std::string_view name_of(const promise_base& frame) noexcept;
void report_never_awaited(const promise_base& frame) noexcept;
[[noreturn]] void throw_already_awaited(const char* call);

}  // namespace detail

/// A coroutine body that has not started. Await it, or give it to create_task, gather, run, ...; each at most once.
///
/// Life:    owns the frame. Destroyed unawaited it reports "coroutine 'f' was never awaited" and runs nothing.
/// Linking: functions that take or return one are not linked between objects of g++ and of clang, which pass it in a register:
///          `undefined reference to f[abi:in_register]`. gyre itself may be compiled by either.
/// Cost:    one pooled frame.   Like: a coroutine object.
template <class T = void>
class [[nodiscard]] GYRE_IN_REGISTER coro {
 public:
  struct promise_type : detail::coro_promise<T> {
    [[nodiscard]] coro get_return_object(std::source_location defined = std::source_location::current()) noexcept {
      this->line = defined;
      return coro(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };
  using value_type = T;

  coro(coro&& other) noexcept : frame_(other.release()) {}
  coro& operator=(coro&& other) noexcept {
    if (this != &other) {
      discard();
      frame_ = other.release();
    }
    return *this;
  }
  ~coro() { discard(); }

  /// The name of the coroutine function.   Like: coroutine.__name__.
  [[nodiscard]] std::string_view name() const noexcept {
    return frame_ == nullptr ? std::string_view() : detail::name_of(frame_.promise());
  }

  /// Destroys the body without running it and without a report.   Like: coroutine.close().
  void close() noexcept {
    if (frame_ != nullptr) std::exchange(frame_, nullptr).destroy();
  }

  void append_text(std::string& out) const {
    detail::append_coroutine_object(out, frame_ == nullptr ? nullptr : &frame_.promise(), name());
  }

  class awaiter;

  /// For a function whose parameters have no destructors.
  struct trivial_promise_type : promise_type {
    [[nodiscard]] [[gnu::always_inline]] detail::trivial_final_awaiter final_suspend() noexcept {
      return detail::trivial_final_awaiter(*this);
    }
  };

  /// Runs the body inside the awaiting task, at once. Also for a named coroutine: `co_await c` uses it up.
  ///
  /// Throws:  already_awaited for a coroutine that was used before; what the body throws.
  awaiter operator co_await() & { return awaiter(consume("co_await")); }
  awaiter operator co_await() && { return awaiter(consume("co_await")); }

  /// Throws already_awaited if consume() would.
  void check_fresh(const char* call) const {
    if (frame_ == nullptr) [[unlikely]]
      detail::throw_already_awaited(call);
  }
  /// The frame, for what starts it in another way; this object is then empty.
  [[nodiscard]] std::coroutine_handle<promise_type> consume(const char* call) {
    check_fresh(call);
    return release();
  }
  [[nodiscard]] bool is_fresh() const noexcept { return frame_ != nullptr; }
  /// The frame of a fresh one, which is then neither used nor destroyed any more.
  [[nodiscard]] std::coroutine_handle<promise_type> give_up() const noexcept {
    return std::coroutine_handle<promise_type>::from_address(detail::apart(frame_.address()));
  }
  /// The same where check_fresh() has gone before. Several may be taken together, right after they were made.
  [[nodiscard]] std::coroutine_handle<promise_type> release() noexcept {
    return std::coroutine_handle<promise_type>::from_address(detail::apart(std::exchange(frame_, nullptr).address()));
  }

 private:
  friend class detail::given_coros<T>;
  explicit coro(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  void discard() noexcept {
    if (frame_ != nullptr) [[unlikely]]
      report_and_close(frame_);
  }
  // Not of `this`: an object of which no address is known to others need not be in memory.
  GYRE_NOINLINE static void report_and_close(std::coroutine_handle<promise_type> frame) noexcept {
    detail::report_never_awaited(frame.promise());
    frame.destroy();
  }

  std::coroutine_handle<promise_type> frame_;
};

template <class T>
class [[nodiscard]] coro<T>::awaiter : public detail::awaiter_base {
 public:
  explicit awaiter(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  awaiter(const awaiter&) = delete;
  awaiter& operator=(const awaiter&) = delete;
  [[gnu::always_inline]] ~awaiter() {
    if (frame_ != nullptr) frame_.destroy();
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    promise_type& child = frame_.promise();
    detail::task_core* const task = parent.promise().task;
    child.continuation = parent;
    child.task = task;
    child.slot = &slot_;
    task->resume_point = frame_;
    return detail::transfer(frame_);
  }
  T await_resume() {
    std::exchange(frame_, nullptr).destroy();
    return slot_.take();
  }

 private:
  std::coroutine_handle<promise_type> frame_;
  detail::result_slot<T> slot_;
};

/// The coroutine of a task: its name and text. It does not keep the coroutine.   Like: what Task.get_coro gives.
class coroutine_view {
 public:
  coroutine_view() noexcept = default;
  coroutine_view(const void* frame, std::source_location defined) noexcept : frame_(frame), defined_(defined) {}

  [[nodiscard]] std::string_view name() const noexcept { return detail::coroutine_name(defined_.function_name()); }
  [[nodiscard]] explicit operator bool() const noexcept { return frame_ != nullptr; }
  void append_text(std::string& out) const { detail::append_coroutine_object(out, frame_, name()); }

 private:
  const void* frame_ = nullptr;
  std::source_location defined_;
};

template <class T>
inline constexpr bool is_coro_v = false;
template <class T>
inline constexpr bool is_coro_v<coro<T>> = true;

}  // namespace gyre

/// Which promise a coroutine function has: parameters are all that is left of its body when that has ended.
template <class T, class... Parameters>
struct std::coroutine_traits<gyre::coro<T>, Parameters...> {
  using promise_type =
      std::conditional_t<(std::is_trivially_destructible_v<Parameters> && ...),
                         typename gyre::coro<T>::trivial_promise_type, typename gyre::coro<T>::promise_type>;
};
