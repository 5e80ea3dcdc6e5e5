// SPDX-License-Identifier: BSL-1.0
#pragma once
// A queue between tasks of any loops.  Layer: sync.  Bodies: lib/sync/queue.cpp
#include <gyre/base/ring_buffer.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/error.hpp>
#include <gyre/sync/wait_queue.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace gyre {

template <class T>
class queue;

namespace detail {

/// What a queue does without knowing its items: who waits, and what is unfinished.
class queue_base {
 public:
  queue_base(const queue_base&) = delete;
  queue_base& operator=(const queue_base&) = delete;

 protected:
  explicit queue_base(std::ptrdiff_t maxsize) noexcept : maxsize_(maxsize) {}
  ~queue_base();

  [[nodiscard]] bool full(std::size_t size) const noexcept {
    return maxsize_ > 0 && size >= static_cast<std::size_t>(maxsize_);
  }
  void append_waiters(std::string& out) const;

  mutable spin_lock guard_;
  std::ptrdiff_t maxsize_;
  std::size_t unfinished_ = 0;
  wait_queue getters_;
  wait_queue putters_;
  wait_queue joiners_;
};

/// Waits until every item that was put has been reported by task_done().
class [[nodiscard]] join_awaiter : public awaiter_base {
 public:
  join_awaiter(spin_lock& guard, const std::size_t& unfinished, wait_queue& joiners) noexcept
      : guard_(guard), unfinished_(unfinished), joiners_(joiners) {}
  join_awaiter(const join_awaiter&) = delete;
  join_awaiter& operator=(const join_awaiter&) = delete;
  ~join_awaiter();

  [[nodiscard]] bool await_ready() const noexcept;
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    return suspend(*at.promise().task, at);
  }
  void await_resume();

 private:
  bool suspend(task_core& t, std::coroutine_handle<> at) noexcept;
  void leave_queue() noexcept;
  spin_lock& guard_;
  const std::size_t& unfinished_;
  wait_queue& joiners_;
  wait_node node_;
};

/// What get() and put() share: wait while the queue is empty or full, look again before going on.
///
/// Derived offers, under the lock: bool try_now() (takes or puts if possible) and the list in which it waits.
template <class Derived>
class queue_awaiter : public awaiter_base, public resume_check {
 public:
  queue_awaiter(const queue_awaiter&) = delete;
  queue_awaiter& operator=(const queue_awaiter&) = delete;

  [[nodiscard]] bool await_ready() noexcept { return attempt(); }

  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    task_core& t = *at.promise().task;
    wake_list woken;
    std::unique_lock hold(guard_);
    if (self().try_now(woken)) return false;
    t.check = this;
    wait_in(waiters_, node_, hold, t, at);
    return true;
  }

  bool may_resume(task_core& t) noexcept final {
    wake_list woken;
    std::unique_lock hold(guard_);
    if (t.state.take_cancel()) {  // taken here: nobody may withdraw it until finish() throws
      cancelled_ = true;
      return true;
    }
    if (node_.linked()) node_.unlink();
    if (self().try_now(woken)) {
      t.check = nullptr;
      return true;
    }
    wait_in(waiters_, node_, hold, t, t.resume_point);
    return false;
  }

 protected:
  queue_awaiter(spin_lock& guard, wait_queue& waiters) noexcept : guard_(guard), waiters_(waiters) {}
  ~queue_awaiter() {
    if (!node_.linked()) return;  // only a frame that is destroyed in mid-wait
    const std::lock_guard hold(guard_);
    node_.unlink();
  }

  /// After the wait: throws if it was cancelled. A wake-up that was meant for this task goes to the next one.
  void finish() {
    if (node_.task == nullptr) return;
    task_core& t = *node_.task;
    t.check = nullptr;
    if (!cancelled_) return;
    {
      wake_list woken;
      const std::lock_guard hold(guard_);
      if (node_.linked()) node_.unlink();
      if (node_.granted && self().possible()) waiters_.pop_and_grant(woken);
    }
    t.throw_cancelled();
  }

 private:
  [[nodiscard]] Derived& self() noexcept { return static_cast<Derived&>(*this); }
  bool attempt() noexcept {
    wake_list woken;
    const std::lock_guard hold(guard_);
    return self().try_now(woken);
  }

  spin_lock& guard_;
  wait_queue& waiters_;
  wait_node node_;
  bool cancelled_ = false;
};

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
