// SPDX-License-Identifier: BSL-1.0
#pragma once
// Mutual exclusion between tasks.  Layer: sync.  Bodies: lib/sync/lock.cpp
#include <gyre/core/holder.hpp>
#include <gyre/sync/handing_over.hpp>
#include <gyre/sync/wait_queue.hpp>

#include <string>
#include <utility>

namespace gyre {

class lock;

namespace detail {
class condition_awaiter;
struct wait_view;
}  // namespace detail

/// Holds a lock or a permit and gives it back at the end of its scope.
template <class Primitive>
class [[nodiscard]] scoped_hold {
 public:
  explicit scoped_hold(Primitive& held) noexcept : held_(&held) {}
  scoped_hold(scoped_hold&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  scoped_hold& operator=(scoped_hold&&) = delete;
  ~scoped_hold() {
    if (held_ != nullptr) held_->release();
  }

 private:
  Primitive* held_;
};

namespace detail {

class lock_awaiter : public awaiter_base {
 public:
  using value_type = bool;

  explicit lock_awaiter(lock& owner) noexcept : lock_(owner) {}
  lock_awaiter(lock_awaiter&& unawaited) noexcept : lock_(unawaited.lock_) {}
  lock_awaiter(const lock_awaiter&) = delete;
  lock_awaiter& operator=(const lock_awaiter&) = delete;
  ~lock_awaiter() {
    if (node_.in_wait) [[unlikely]]
      forget();  // only a frame that is destroyed in mid-wait
  }

  [[nodiscard]] bool await_ready() noexcept;
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    return suspend(*at.promise().task, at);
  }
  bool await_resume() {
    finish();
    return true;
  }

 protected:
  void finish() {
    if (node_.task != nullptr) finish_wait();
  }
  lock& lock_;

 private:
  bool suspend(task_core& t, std::coroutine_handle<> at) noexcept;
  void finish_wait();
  void forget() noexcept;
  wait_node node_;
};

class scoped_lock_awaiter final : public lock_awaiter {
 public:
  using value_type = scoped_hold<lock>;
  using lock_awaiter::lock_awaiter;
  scoped_hold<lock> await_resume() {
    finish();
    return scoped_hold<lock>(lock_);
  }
};

}  // namespace detail

/// Lets one task in at a time, first come, first served. Not reentrant.
///
/// Like:    asyncio.Lock, but tasks of different loops may share one.
/// Thread:  release() and locked(): any. acquire(): tasks.
/// Life:    must outlive its waiters; the destructor asserts that nobody waits.
class lock {
 public:
  lock() = default;
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;
  ~lock();

  /// Waits for its turn; gives true.
  ///
  /// Cancel:  leaves the queue; a turn that came in the same instant goes to the next waiter.   Throws: cancelled_error.
  /// Cost:    no allocation; one compare-exchange and no suspension when it is free and nobody waits.
  [[nodiscard]] detail::lock_awaiter acquire() noexcept { return detail::lock_awaiter(*this); }
  /// The same, with release() at the end of the scope: `auto held = co_await l.scoped();`
  [[nodiscard]] detail::scoped_lock_awaiter scoped() noexcept { return detail::scoped_lock_awaiter(*this); }

  /// Frees it; the first waiter gets it in a later turn, and nobody overtakes it. Any task may release.
  /// Throws:  error if it is not locked.
  void release() {
    if (!turns_.release_alone()) release_to_waiter();
  }

  [[nodiscard]] bool locked() const noexcept { return turns_.locked(); }

  /// `<Lock [locked, waiters:2]>`
  void append_text(std::string& out) const;

 private:
  friend class detail::lock_awaiter;
  friend class detail::condition_awaiter;
  friend struct detail::wait_view;
  void release_to_waiter();

  detail::basic_turns<detail::task_core, detail::std_policy, detail::holder_note> turns_;
};

inline bool detail::lock_awaiter::await_ready() noexcept { return lock_.turns_.try_acquire(); }

}  // namespace gyre
