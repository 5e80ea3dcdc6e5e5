// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a queue does without knowing its items: who waits, and what is unfinished.  Layer: sync.  Bodies: lib/sync/queue.cpp
#include <gyre/base/config.hpp>
#include <gyre/sync/wait_queue.hpp>

#include <cstddef>
#include <exception>
#include <string>

namespace gyre::detail {

/// How an attempt to put or get ends: not yet, for want of items or room (`waits`) or of memory for one more (`no_memory`);
/// or for good. `failed`: something was thrown, and the queue is as it was.
enum class attempt : unsigned char { waits, no_memory, done, shut_down, failed, cancelled };

/// What a queue does without knowing its items: who waits, and what is unfinished.
class queue_base {
 public:
  queue_base(const queue_base&) = delete;
  queue_base& operator=(const queue_base&) = delete;

  /// One item that was taken has been dealt with.   Throws: value_error when called more often than items were put.
  void task_done();

 protected:
  explicit queue_base(std::ptrdiff_t maxsize) noexcept : maxsize_(maxsize) {}
  ~queue_base();

  /// What the text of a queue says beside its items.
  struct counts {
    std::size_t getters;
    std::size_t putters;
    std::size_t unfinished;
    bool shut_down;
  };

  // These under guard_.
  [[nodiscard]] bool full(std::size_t size) const noexcept {
    return maxsize_ > 0 && size >= static_cast<std::size_t>(maxsize_);
  }
  [[nodiscard]] counts count() const noexcept { return {getters_.size(), putters_.size(), unfinished_, shut_down_}; }
  /// No more items; `dropped` of them will never be taken. Everybody who waits looks again.
  void end(std::size_t dropped, wake_list& woken) noexcept;

  static void append_counts(std::string& out, const counts& now);
  /// What a task that is parked to get or put has lost, at a moment when no thread is at work, besides items and room.
  [[nodiscard]] const char* lost_by(const wait_queue& waiters) const noexcept;

  mutable spin_lock guard_;
  bool shut_down_ = false;
  std::ptrdiff_t maxsize_;
  std::size_t unfinished_ = 0;
  wait_queue getters_;
  wait_queue putters_;
  wait_queue joiners_;

 private:
  friend class join_awaiter;
  friend struct wait_view;
};

/// What put_nowait() and get_nowait() throw when an attempt is not done.
[[noreturn]] void throw_put_refused(attempt how);
[[noreturn]] void throw_get_refused(attempt how);

/// Waits until every item that was put has been reported by task_done().
class [[nodiscard]] join_awaiter : public awaiter_base {
 public:
  using value_type = void;

  explicit join_awaiter(queue_base& queue) noexcept : queue_(queue) {}
  join_awaiter(join_awaiter&& unawaited) noexcept : queue_(unawaited.queue_) {}
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
  queue_base& queue_;
  wait_node node_;
};

/// The types of task, lock and bases of a queue_awaiter; the model checker has its own.
struct queue_traits {
  using policy = std_policy;
  using task = task_core;
  using handle = std::coroutine_handle<>;
  using awaiter = awaiter_base;
  using check = resume_check;
};

/// What get() and put() share: wait while the queue is empty or full, look again before going on.
///
/// Derived offers, under the lock: attempt try_now(woken), which may throw; void get_memory(hold), which lets go of the lock on
/// the way. And without it: bool possible(), a moment's truth then; const void* place(), the queue.
template <class Derived, class Traits = queue_traits>
class queue_awaiter : public Traits::awaiter, public Traits::check {
  using task_type = typename Traits::task;
  using policy = typename Traits::policy;
  using lock_type = typename policy::lock;
  using waiters_type = basic_wait_queue<task_type, policy>;
  using wake_list = basic_wake_list<task_type>;

 public:
  queue_awaiter(const queue_awaiter&) = delete;
  queue_awaiter& operator=(const queue_awaiter&) = delete;

  [[nodiscard]] [[gnu::always_inline]] bool await_ready() noexcept {
    if (!self().possible()) return false;  // park() looks again
    wake_list woken;
    const std::lock_guard hold(guard_);
    return ends(woken);
  }

  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    return park(*at.promise().task, at);
  }

  bool may_resume(task_type& t) noexcept final {
    wake_list woken;
    std::unique_lock hold(guard_);
    waiters_.remove(node_);
    if (t.state.take_cancel()) {  // taken here: nobody may withdraw it until finish() throws
      how_ = attempt::cancelled;
      if (node_.granted && self().possible()) waiters_.pop_and_grant(woken);
    } else if (!ends_at_last(hold, woken)) {
      wait_in(waiters_, node_, hold, t, t.resume_point);
      return false;
    }
    t.check = nullptr;
    return true;
  }

 protected:
  [[nodiscard]] attempt ended() const noexcept { return how_; }

  queue_awaiter(lock_type& guard, waiters_type& waiters) noexcept : guard_(guard), waiters_(waiters) {}
  queue_awaiter(queue_awaiter&& unawaited) noexcept : queue_awaiter(unawaited.guard_, unawaited.waiters_) {}
  ~queue_awaiter() {
    if (!node_.in_wait) return;  // only a frame that is destroyed in mid-wait
    const std::lock_guard hold(guard_);
    waiters_.remove(node_);
  }

  /// False: it need not wait.
  GYRE_NOINLINE bool park(task_type& t, typename Traits::handle at) noexcept {
    wake_list woken;
    std::unique_lock hold(guard_);
    if (ends_at_last(hold, woken)) return false;
    t.check = this;
    t.note_wait(Derived::reason, self().place());
    wait_in(waiters_, node_, hold, t, at);
    return true;
  }

  /// After the wait: throws unless it is done.
  void finish() {
    if (how_ != attempt::done) [[unlikely]]
      throw_refusal();
  }

 private:
  [[nodiscard]] Derived& self() noexcept { return static_cast<Derived&>(*this); }

  [[gnu::always_inline]] bool ends(wake_list& woken) noexcept {
    if constexpr (noexcept(self().try_now(woken))) {
      how_ = self().try_now(woken);
    } else {
      try {
        how_ = self().try_now(woken);
      } catch (...) {
        fail();
      }
    }
    return how_ >= attempt::done;
  }

  // The same, with memory. A wake-up that led to a failure is the next one's.
  bool ends_at_last(std::unique_lock<lock_type>& hold, wake_list& woken) noexcept {
    while (!ends(woken) && how_ == attempt::no_memory) {
      try {
        self().get_memory(hold);
      } catch (...) {
        hold.lock();
        fail();
        break;
      }
    }
    if (how_ == attempt::failed && node_.granted) waiters_.pop_and_grant(woken);
    return how_ != attempt::waits;
  }

  void fail() noexcept {
    how_ = attempt::failed;
    error_ = std::current_exception();
  }

  [[noreturn]] GYRE_NOINLINE void throw_refusal() {
    if (how_ == attempt::cancelled) node_.task->throw_cancelled();
    if (how_ == attempt::failed) std::rethrow_exception(std::move(error_));
    throw_get_refused(how_);
  }

  lock_type& guard_;
  waiters_type& waiters_;
  basic_wait_node<task_type, policy> node_;
  std::exception_ptr error_;
  attempt how_ = attempt::waits;
};

}  // namespace gyre::detail
