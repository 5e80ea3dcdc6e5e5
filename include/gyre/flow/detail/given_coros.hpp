// SPDX-License-Identifier: BSL-1.0
#pragma once
// Coroutines that were given to a call one after the other and have not started: a list through their frames.  Layer: flow.
#include <gyre/core/coro.hpp>

#include <coroutine>
#include <cstddef>
#include <utility>

namespace gyre::detail {

/// First in, first out. Owns what is in it.   Cost: no memory but its own.
template <class T>
class given_coros {
  using promise = typename coro<T>::promise_type;
  using frame = std::coroutine_handle<promise>;

 public:
  using value_type = coro<T>;

  given_coros() noexcept = default;
  given_coros(given_coros&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), last_(other.last_), size_(std::exchange(other.size_, 0)) {}
  given_coros& operator=(given_coros&&) = delete;
  /// Each that was not taken reports that it was never awaited.
  ~given_coros() {
    while (!empty()) static_cast<void>(take());
  }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  void add(coro<T> body, const char* call) {
    const frame given = body.consume(call);
    if (empty()) {
      first_ = given;
    } else {
      last_.promise().next_given = &given.promise();
    }
    last_ = given;
    ++size_;
  }
  /// The one that was added before the others. There is one.
  [[nodiscard]] coro<T> take() noexcept {
    const frame taken = first_;
    if (--size_ != 0) first_ = frame::from_promise(static_cast<promise&>(*taken.promise().next_given));
    return coro<T>(taken);
  }

 private:
  frame first_;
  frame last_;
  std::size_t size_ = 0;
};

}  // namespace gyre::detail
