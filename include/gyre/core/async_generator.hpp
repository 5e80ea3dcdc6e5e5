// SPDX-License-Identifier: BSL-1.0
#pragma once
// async_generator<T>: a coroutine that gives values one by one and may await in between.  Layer: core.
#include <gyre/core/coro.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace gyre {

namespace detail {

/// Thrown at the suspended co_yield by aclose(); must be let through.   Like: GeneratorExit.
class generator_exit final : public base_exception {
 public:
  using base_exception::base_exception;
};

}  // namespace detail

/// Values on demand: the body runs inside the task that asks.
///
/// Life:    owns the frame; dropped in the middle, its locals are destroyed without awaiting: aclose() it instead.
/// Thread:  one consumer at a time.   Like: an asynchronous generator function.
template <class T>
class [[nodiscard]] async_generator {
 public:
  struct promise_type;
  using value_type = T;

  async_generator(async_generator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  async_generator& operator=(async_generator&& other) noexcept {
    if (this != &other) {
      if (frame_ != nullptr) frame_.destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~async_generator() {
    if (frame_ != nullptr) frame_.destroy();
  }

  class step;

  /// Runs the body to its next co_yield; empty when it has ended.
  ///
  /// Throws:  what the body throws, once; error if another consumer is inside.
  [[nodiscard]] step next() { return step(*this, nullptr); }

  /// Throws `error` at the co_yield where the body waits; gives its next value, empty if it ends.
  [[nodiscard]] step athrow(std::exception_ptr error) { return step(*this, std::move(error)); }

  /// Ends the body at the co_yield where it waits; its clean-up may await. Twice is harmless.
  ///
  /// Throws:  error if the body yields once more; what its clean-up throws.
  coro<> aclose() {
    if (frame_ == nullptr || !frame_.promise().started || frame_.done()) {
      if (frame_ != nullptr) frame_.promise().started = true;
      finished_ = true;
      co_return;
    }
    const std::exception_ptr exit = std::make_exception_ptr(detail::generator_exit());
    std::exception_ptr error;
    bool yielded = false;
    try {
      const std::optional<T> value = co_await athrow(exit);
      yielded = value.has_value();
    } catch (const detail::generator_exit&) {
      yielded = false;
    }
    if (yielded) throw gyre::error("async generator ignored aclose()");
  }

 private:
  explicit async_generator(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
  bool finished_ = false;
};

template <class T>
struct async_generator<T>::promise_type : detail::promise_base {
  [[nodiscard]] async_generator get_return_object(
      std::source_location defined = std::source_location::current()) noexcept {
    this->line = defined;
    this->slot = &outcome;
    return async_generator(std::coroutine_handle<promise_type>::from_promise(*this));
  }

  /// Back to the consumer; what it throws in arrives when the body goes on.
  struct hand_over {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> at) const noexcept {
      promise_type& p = at.promise();
      p.inside = false;
      return detail::transfer(std::exchange(p.continuation, nullptr));
    }
    void await_resume() const {
      if (promise->thrown_in != nullptr) std::rethrow_exception(std::exchange(promise->thrown_in, nullptr));
    }
    promise_type* promise;
  };

  template <class U>
  [[nodiscard]] hand_over yield_value(U&& value) {
    item.emplace(std::forward<U>(value));
    return hand_over{this};
  }
  struct ended : hand_over {
    void await_resume() const noexcept {}
  };
  [[nodiscard]] ended final_suspend() noexcept { return ended{{this}}; }
  void return_void() const noexcept {}

  std::optional<T> item;
  std::exception_ptr thrown_in;
  detail::result_slot<void> outcome;
  bool started = false;
  bool inside = false;
};

/// One step of the body, awaited by the consumer.
template <class T>
class [[nodiscard]] async_generator<T>::step : public detail::awaiter_base {
 public:
  step(async_generator& generator, std::exception_ptr thrown_in) noexcept
      : generator_(generator), thrown_in_(std::move(thrown_in)) {}

  [[nodiscard]] bool await_ready() const {
    const auto frame = generator_.frame_;
    if (frame == nullptr || generator_.finished_ || frame.done()) return true;
    if (frame.promise().inside) throw error("anext(): asynchronous generator is already running");
    return false;
  }
  template <class Promise>
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> consumer) noexcept {
    promise_type& p = generator_.frame_.promise();
    p.continuation = consumer;
    p.task = consumer.promise().task;
    p.inside = true;
    p.thrown_in = std::move(thrown_in_);
    if (!std::exchange(p.started, true) && p.thrown_in != nullptr) {
      // Thrown in before the first step: the body never runs.
      generator_.finished_ = true;
      p.inside = false;
      p.outcome.error = std::exchange(p.thrown_in, nullptr);
      return detail::transfer(std::exchange(p.continuation, nullptr));
    }
    return detail::transfer(generator_.frame_);
  }
  std::optional<T> await_resume() {
    if (generator_.frame_ == nullptr) return std::nullopt;
    promise_type& p = generator_.frame_.promise();
    if (p.outcome.error != nullptr) std::rethrow_exception(std::exchange(p.outcome.error, nullptr));
    return std::exchange(p.item, std::nullopt);
  }

 private:
  async_generator& generator_;
  std::exception_ptr thrown_in_;
};

/// Calls `f(value)` for each value; `f` may be a plain function or return a coro<>.   Like: async for.
template <class T, class F>
coro<> for_each(async_generator<T> values, F f) {
  for (;;) {
    std::optional<T> value = co_await values.next();
    if (!value) co_return;
    if constexpr (is_coro_v<std::remove_cvref_t<std::invoke_result_t<F&, T&>>>) {
      co_await f(*value);
    } else {
      f(*value);
    }
  }
}

}  // namespace gyre
