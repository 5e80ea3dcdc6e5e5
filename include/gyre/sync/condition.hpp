// SPDX-License-Identifier: BSL-1.0
#pragma once
// Waiting until something has changed under a lock.  Layer: sync.  Bodies: lib/sync/condition.cpp
#include <gyre/core/coro.hpp>
#include <gyre/sync/lock.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <type_traits>

namespace gyre {

class condition;

namespace detail {

/// Frees the lock and waits for a notification, in one step: who takes the lock next finds this task among the waiters.
class condition_awaiter : public awaiter_base {
 public:
  explicit condition_awaiter(condition& owner) noexcept : condition_(owner) {}
  condition_awaiter(const condition_awaiter&) = delete;
  condition_awaiter& operator=(const condition_awaiter&) = delete;
  ~condition_awaiter();

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    return suspend(*at.promise().task, at);
  }
  /// Throws error if the lock was free, cancelled_error.
  void await_resume();

 private:
  bool suspend(task_core& t, std::coroutine_handle<> at) noexcept;
  condition& condition_;
  wait_node node_;
};

}  // namespace detail

/// Tasks wait, with the lock free meanwhile, until another one that holds the lock notifies them.
///
/// Like:    asyncio.Condition, but tasks of different loops may share one.
/// Thread:  locked(): any. notify(), notify_all(), release(): any that may say the lock is held. The rest: tasks.
/// Life:    must outlive its waiters; the destructor asserts that nobody waits.
class condition {
 public:
  /// With a lock of its own.
  condition() noexcept : lock_(own_) {}
  /// With a lock that others use, too: other conditions, for one. It must outlive this object.
  explicit condition(lock& shared) noexcept : lock_(shared) {}
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;
  ~condition();

  /// The lock's: see there.
  [[nodiscard]] detail::lock_awaiter acquire() noexcept { return lock_.acquire(); }
  [[nodiscard]] detail::scoped_lock_awaiter scoped() noexcept { return lock_.scoped(); }
  void release() { lock_.release(); }
  [[nodiscard]] bool locked() const noexcept { return lock_.locked(); }

  /// Frees the lock, waits for a notification, takes the lock again; gives true. It may return without a notification, so
  /// look again at what was waited for, or use wait_for().
  ///
  /// Cancel:  the lock is held all the same when the error leaves, however long that takes; a notification that this task
  ///          had got goes to the next waiter.
  /// Throws:  error if nobody holds the lock; cancelled_error, the latest that was delivered.
  /// Cost:    one pooled frame.
  coro<bool> wait();

  /// Waits until `predicate()`, called with the lock held, gives something true; gives that.
  ///
  /// Shape:   a predicate that is true at once needs no lock. A capturing one that owns nothing may be written in place.
  /// Throws:  what wait() and the predicate throw.
  template <class Predicate>
  coro<std::decay_t<std::invoke_result_t<Predicate&>>> wait_for(Predicate predicate) {
    auto value = predicate();
    while (!value) {
      co_await wait();
      value = predicate();
    }
    co_return value;
  }

  /// Wakes the first `n` tasks that wait now, or as many as there are. They go on one after the other, as they get the lock,
  /// which this call does not free.
  ///
  /// Throws:  error if nobody holds the lock.
  void notify(std::ptrdiff_t n = 1);
  /// The same for all that wait now.
  void notify_all();

  /// `<Condition [locked, waiters:2]>`
  void append_text(std::string& out) const;

 private:
  friend class detail::condition_awaiter;
  friend struct detail::wait_view;
  void check_held() const;
  void pass_on() noexcept;

  lock own_;
  lock& lock_;
  mutable detail::spin_lock guard_;  // taken before the lock's own, never after it
  detail::wait_queue waiters_;
};

}  // namespace gyre
