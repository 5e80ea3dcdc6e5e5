// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a gather of many was given and has not started: a vector, or a list of coroutines through their frames.  Layer: flow.
#include <gyre/core/coro.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace gyre::detail {

/// Coroutines, tasks and futures in a vector.
template <class A>
class given_vector {
 public:
  using value_type = A;

  explicit given_vector(std::vector<A> all) noexcept : all_(std::move(all)) {}

  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }

  /// Coroutines only. Nothing has been taken if this throws.
  void check_fresh(const char* call) const {
    for (const A& body : all_) body.check_fresh(call);
  }
  /// The frame of the `i`th coroutine; each is taken once, in turn.
  [[nodiscard]] auto take_frame(std::uint32_t i) noexcept { return all_[i].release(); }
  /// Gives each to `use`, in turn.
  template <class F>
  void hand_out(F use) {
    for (A& each : all_) use(each);
  }

 private:
  std::vector<A> all_;
};

/// Coroutines one behind the other, first in, first out. Owns them.   Cost: no memory but its own.
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
    hand_out([](coro<T>) {});
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
  /// Each was when it was added.
  void check_fresh(const char*) const noexcept {}
  [[nodiscard]] frame take_frame(std::uint32_t) noexcept {
    const frame taken = first_;
    if (--size_ != 0) first_ = frame::from_promise(static_cast<promise&>(*taken.promise().next_given));
    return taken;
  }
  template <class F>
  void hand_out(F use) {
    for (std::uint32_t i = 0; !empty(); ++i) use(coro<T>(take_frame(i)));
  }

 private:
  frame first_;
  frame last_;
  std::size_t size_ = 0;
};

}  // namespace gyre::detail
