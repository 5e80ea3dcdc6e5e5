// SPDX-License-Identifier: BSL-1.0
#pragma once
// generator<T>: plain values one by one, for context_manager().  Layer: core.
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace gyre {

/// A coroutine that gives values and never awaits.   Like: a generator function.
template <class T>
class [[nodiscard]] generator {
 public:
  struct promise_type {
    [[nodiscard]] generator get_return_object() noexcept {
      return generator(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] std::suspend_always final_suspend() const noexcept { return {}; }
    struct hand_over {
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<>) const noexcept {}
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
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { error = std::current_exception(); }
    void await_transform() = delete;  // a generator does not await: use async_generator

    std::optional<T> item;
    std::exception_ptr thrown_in;
    std::exception_ptr error;
  };

  generator(generator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  generator& operator=(generator&&) = delete;
  ~generator() {
    if (frame_ != nullptr) frame_.destroy();
  }

  /// Runs to the next co_yield; empty when the body has ended.   Throws: what the body throws.
  std::optional<T> next() { return go_on(nullptr); }
  /// Throws `error` at the co_yield where the body waits.
  std::optional<T> throw_in(std::exception_ptr error) { return go_on(std::move(error)); }

 private:
  explicit generator(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  std::optional<T> go_on(std::exception_ptr error) {
    if (frame_.done()) return std::nullopt;
    promise_type& p = frame_.promise();
    p.thrown_in = std::move(error);
    frame_.resume();
    if (p.error != nullptr) std::rethrow_exception(std::exchange(p.error, nullptr));
    return std::exchange(p.item, std::nullopt);
  }

  std::coroutine_handle<promise_type> frame_;
};

}  // namespace gyre
