// SPDX-License-Identifier: BSL-1.0
#pragma once
// A queue between tasks of any loops.  Layer: sync.  Bodies: lib/sync/queue.cpp
#include <gyre/base/ring_buffer.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/error.hpp>
#include <gyre/sync/queue_base.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace gyre {

template <class T>
class queue;

namespace detail {

template <class T>
class get_awaiter;
template <class T>
class put_awaiter;

}  // namespace detail

/// Items go out in the order in which they came in; put() waits while it is full, get() while it is empty.
///
/// Shape:   at most `maxsize` items; 0 or less means no limit.
/// Thread:  put_nowait, get_nowait, task_done, qsize, empty, full: any. put, get, join: tasks.
/// Life:    must outlive its waiters; the destructor asserts that nobody waits.
/// Like:    asyncio.Queue, but tasks of different loops may share one. An item is seen by qsize() and get_nowait() until
///          the woken getter resumes; a woken getter that finds nothing waits again.
template <class T>
class queue : private detail::queue_base {
 public:
  explicit queue(std::ptrdiff_t maxsize = 0) noexcept : queue_base(maxsize) {}

  /// Waits for room and puts `item`.
  ///
  /// Cancel:  puts nothing; its turn goes to the next putter.   Throws: cancelled_error.
  /// Cost:    no suspension when there is room; no allocation in the steady state.
  [[nodiscard]] detail::put_awaiter<T> put(T item) { return detail::put_awaiter<T>(*this, std::move(item)); }

  /// Waits for an item and takes it.
  ///
  /// Cancel:  takes nothing; its turn goes to the next getter.   Throws: cancelled_error.
  [[nodiscard]] detail::get_awaiter<T> get() noexcept { return detail::get_awaiter<T>(*this); }

  /// Throws:  queue_full.
  void put_nowait(T item) {
    detail::wake_list woken;
    const std::lock_guard hold(guard_);
    if (queue_base::full(items_.size())) throw queue_full();
    add(std::move(item), woken);
  }
  /// Throws:  queue_empty.
  T get_nowait() {
    detail::wake_list woken;
    const std::lock_guard hold(guard_);
    if (items_.empty()) throw queue_empty();
    return remove(woken);
  }

  /// One item that was taken has been dealt with.   Throws: value_error when called more often than items were put.
  void task_done() {
    detail::wake_list woken;
    const std::lock_guard hold(guard_);
    if (unfinished_ == 0) throw value_error("task_done() called too many times");
    if (--unfinished_ == 0) joiners_.grant_all(woken);
  }
  /// Waits until task_done() was called for every item that was put.
  [[nodiscard]] detail::join_awaiter join() noexcept { return detail::join_awaiter(guard_, unfinished_, joiners_); }

  [[nodiscard]] std::size_t qsize() const noexcept {
    const std::lock_guard hold(guard_);
    return items_.size();
  }
  [[nodiscard]] bool empty() const noexcept { return qsize() == 0; }
  [[nodiscard]] bool full() const noexcept {
    const std::lock_guard hold(guard_);
    return queue_base::full(items_.size());
  }
  [[nodiscard]] std::ptrdiff_t maxsize() const noexcept { return maxsize_; }

  /// `<Queue maxsize=3 _queue=[1, 2] _getters[1] tasks=2>`
  void append_text(std::string& out) const {
    const std::lock_guard hold(guard_);
    out += "<Queue maxsize=";
    detail::append_signed(out, maxsize_);
    if (!items_.empty()) {
      out += " _queue=[";
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if (i != 0) out += ", ";
        detail::append_value(out, items_.at(i));
      }
      out += ']';
    }
    append_waiters(out);
    out += '>';
  }

 private:
  friend class detail::get_awaiter<T>;
  friend class detail::put_awaiter<T>;

  [[nodiscard]] bool has_room() const noexcept { return !queue_base::full(items_.size()); }
  void add(T&& item, detail::wake_list& woken) {
    items_.push(std::move(item));
    ++unfinished_;
    getters_.pop_and_grant(woken);
  }
  T remove(detail::wake_list& woken) {
    T item = items_.pop();
    putters_.pop_and_grant(woken);
    return item;
  }

  detail::ring_buffer<T> items_;
};

namespace detail {

template <class T>
class [[nodiscard]] get_awaiter final : public queue_awaiter<get_awaiter<T>> {
  using base = queue_awaiter<get_awaiter<T>>;

 public:
  explicit get_awaiter(queue<T>& q) noexcept : base(q.guard_, q.getters_), queue_(q) {}
  T await_resume() {
    this->finish();
    if (error_ != nullptr) std::rethrow_exception(error_);
    return std::move(*item_);
  }

 private:
  friend base;
  [[nodiscard]] bool possible() const noexcept { return !queue_.items_.empty(); }
  bool try_now(wake_list& woken) noexcept {
    if (!possible()) return false;
    try {
      item_.emplace(queue_.remove(woken));
    } catch (...) {
      error_ = std::current_exception();
    }
    return true;
  }

  queue<T>& queue_;
  std::optional<T> item_;
  std::exception_ptr error_;
};

template <class T>
class [[nodiscard]] put_awaiter final : public queue_awaiter<put_awaiter<T>> {
  using base = queue_awaiter<put_awaiter<T>>;

 public:
  put_awaiter(queue<T>& q, T&& item) noexcept(std::is_nothrow_move_constructible_v<T>)
      : base(q.guard_, q.putters_), queue_(q), item_(std::move(item)) {}
  void await_resume() {
    this->finish();
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  friend base;
  [[nodiscard]] bool possible() const noexcept { return queue_.has_room(); }
  bool try_now(wake_list& woken) noexcept {
    if (!possible()) return false;
    try {
      queue_.add(std::move(item_), woken);
    } catch (...) {
      error_ = std::current_exception();
    }
    return true;
  }

  queue<T>& queue_;
  T item_;
  std::exception_ptr error_;
};

}  // namespace detail
}  // namespace gyre
