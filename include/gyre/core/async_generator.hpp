// SPDX-License-Identifier: BSL-1.0
#pragma once
// async_generator<T>: a coroutine that gives values one by one and may await in between.  Layer: core.
#include <gyre/core/coro.hpp>
#include <gyre/core/generator_state.hpp>

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
/// Life:    owns the frame. Dropped in the middle, it is closed by the loop that iterated it first, in a task, some time
///          later: a body that refers to its caller's variables must be closed with aclose() instead. A consumer whose loop
///          closes while he waits for the next value takes the body along.
/// Thread:  one consumer at a time.   Like: an asynchronous generator function.
template <class T>
class [[nodiscard]] async_generator {
 public:
  struct promise_type;
  using value_type = T;

  async_generator(async_generator&& other) noexcept : async_generator(std::exchange(other.frame_, nullptr)) {}
  async_generator& operator=(async_generator&& other) noexcept {
    if (this != &other) {
      drop();
      adopt(std::exchange(other.frame_, nullptr));
    }
    return *this;
  }
  ~async_generator() { drop(); }

  class step;

  /// Runs the body to its next co_yield; empty when it has ended.
  ///
  /// Throws:  what the body throws, once; error if another consumer is inside.
  [[nodiscard]] step next() { return step(frame_, nullptr); }

  /// Throws `error` at the co_yield where the body waits; gives its next value, empty if it ends.
  [[nodiscard]] step athrow(std::exception_ptr error) { return step(frame_, std::move(error)); }

  /// Ends the body at the co_yield where it waits; its clean-up may await. Twice is harmless.
  ///
  /// Throws:  error if the body yields once more; what its clean-up throws.
  coro<> aclose() {
    if (frame_ == nullptr) co_return;
    co_await frame_.promise().generator.close();
  }

 private:
  explicit async_generator(std::coroutine_handle<promise_type> frame) noexcept { adopt(frame); }
  void adopt(std::coroutine_handle<promise_type> frame) noexcept {
    frame_ = frame;
    if (frame != nullptr) frame.promise().owner = this;
  }
  void drop() noexcept {
    if (frame_ == nullptr) return;
    frame_.promise().owner = nullptr;
    std::exchange(frame_, nullptr).promise().generator.drop();
  }

  std::coroutine_handle<promise_type> frame_;
};

template <class T>
struct async_generator<T>::promise_type : detail::promise_base {
  using handle_type = std::coroutine_handle<promise_type>;

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
      p.generator.inside = false;
      p.task->resume_point = p.continuation;
      p.asking = nullptr;
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
  struct last_hand_over : hand_over {
    [[nodiscard]] std::coroutine_handle<> await_suspend(handle_type at) const noexcept {
      at.promise().generator.end();
      return hand_over::await_suspend(at);
    }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] last_hand_over final_suspend() noexcept { return last_hand_over{{this}}; }
  void return_void() const noexcept {}

  /// A member, not a base: promise_base has to stay where it is in every frame.
  class control final : public detail::generator_state {
   public:
    explicit control(promise_type& p) noexcept : promise_(p) {}
    [[nodiscard]] coro<> close() override {
      if (!begun() || ended()) {
        end();
        co_return;
      }
      const std::exception_ptr exit = std::make_exception_ptr(detail::generator_exit());
      bool yielded = false;
      try {
        const std::optional<T> value = co_await step(handle_type::from_promise(promise_), exit);
        yielded = value.has_value();
      } catch (const detail::generator_exit&) {
        yielded = false;
      }
      if (yielded) throw gyre::error("async generator ignored aclose()");
    }
    [[nodiscard]] const detail::promise_base& promise() const noexcept override { return promise_; }

   private:
    void destroy() noexcept override { handle_type::from_promise(promise_).destroy(); }
    promise_type& promise_;
  };

  ~promise_type() {
    if (asking != nullptr) asking->frame_ = nullptr;
  }

  /// The consumer's frame is destroyed while the body awaits something for it: the body goes first, as any inner coroutine,
  /// while the loop is there that its waits refer to.
  void lose_consumer() noexcept {
    asking = nullptr;
    generator.end();
    if (owner == nullptr) return;  // whoever closes it lets it go
    std::exchange(owner, nullptr)->frame_ = nullptr;
    generator.release();
  }

  async_generator* owner = nullptr;
  step* asking = nullptr;  // while the body runs or awaits
  std::optional<T> item;
  std::exception_ptr thrown_in;
  detail::result_slot<void> outcome;
  control generator{*this};
};

/// One step of the body, awaited by the consumer.
template <class T>
class [[nodiscard]] async_generator<T>::step : public detail::awaiter_base {
 public:
  step(std::coroutine_handle<promise_type> frame, std::exception_ptr thrown_in) noexcept
      : frame_(frame), thrown_in_(std::move(thrown_in)) {}
  /// Before it is awaited.
  step(step&& other) noexcept : step(other.frame_, std::move(other.thrown_in_)) {}
  step& operator=(step&&) = delete;
  ~step() {
    if (asked_ && frame_ != nullptr) frame_.promise().lose_consumer();
  }

  [[nodiscard]] bool await_ready() const {
    if (frame_ == nullptr || frame_.promise().generator.ended()) return true;
    if (frame_.promise().generator.inside) throw error("anext(): asynchronous generator is already running");
    return false;
  }
  template <class Promise>
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> consumer) noexcept {
    promise_type& p = frame_.promise();
    if (!p.generator.begun() && thrown_in_ != nullptr) {  // thrown in before the first step: the body never runs
      p.generator.end();
      p.outcome.error = std::move(thrown_in_);
      return detail::transfer(consumer);
    }
    asked_ = true;
    p.asking = this;
    p.continuation = consumer;
    p.task = consumer.promise().task;
    p.generator.inside = true;
    p.thrown_in = std::move(thrown_in_);
    p.task->resume_point = frame_;
    if (!p.generator.begun()) p.generator.begin(p.task->at());
    return detail::transfer(frame_);
  }
  std::optional<T> await_resume() {
    asked_ = false;
    if (frame_ == nullptr) return std::nullopt;
    promise_type& p = frame_.promise();
    if (p.outcome.error != nullptr) std::rethrow_exception(std::exchange(p.outcome.error, nullptr));
    return std::exchange(p.item, std::nullopt);
  }

 private:
  friend promise_type;
  std::coroutine_handle<promise_type> frame_;
  std::exception_ptr thrown_in_;
  bool asked_ = false;
};

/// Calls `f(value)` for each value; `f` may be a plain function or return a coro<>. Leaves the generator closed, also when
/// `f` throws.   Like: async for, with contextlib.aclosing.
template <class T, class F>
coro<> for_each(async_generator<T> values, F f) {
  std::exception_ptr error;
  try {
    for (;;) {
      std::optional<T> value = co_await values.next();
      if (!value) break;
      if constexpr (is_coro_v<std::remove_cvref_t<std::invoke_result_t<F&, T&>>>) {
        co_await f(*value);
      } else {
        f(*value);
      }
    }
  } catch (...) {
    error = std::current_exception();
  }
  co_await values.aclose();
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace gyre
