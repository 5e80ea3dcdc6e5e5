// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a queue does without knowing its items: who waits, and what is unfinished.  Layer: sync.  Bodies: lib/sync/queue.cpp
#include <gyre/sync/wait_queue.hpp>

#include <cstddef>
#include <string>

namespace gyre::detail {

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

}  // namespace gyre::detail
