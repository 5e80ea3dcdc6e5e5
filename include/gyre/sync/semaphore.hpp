// SPDX-License-Identifier: BSL-1.0
#pragma once
// Counting semaphores for tasks.  Layer: sync.  Bodies: lib/sync/semaphore.cpp
#include <gyre/sync/handing_over.hpp>
#include <gyre/sync/lock.hpp>

#include <cstddef>
#include <string>

namespace gyre {

class semaphore;

namespace detail {

struct wait_view;

class permit_awaiter : public awaiter_base {
 public:
  using value_type = bool;

  explicit permit_awaiter(semaphore& owner) noexcept : semaphore_(owner) {}
  permit_awaiter(permit_awaiter&& unawaited) noexcept : semaphore_(unawaited.semaphore_) {}
  permit_awaiter(const permit_awaiter&) = delete;
  permit_awaiter& operator=(const permit_awaiter&) = delete;
  ~permit_awaiter();

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
  void finish();
  semaphore& semaphore_;

 private:
  bool suspend(task_core& t, std::coroutine_handle<> at) noexcept;
  wait_node node_;
};

class scoped_permit_awaiter final : public permit_awaiter {
 public:
  using value_type = scoped_hold<semaphore>;
  using permit_awaiter::permit_awaiter;
  scoped_hold<semaphore> await_resume() {
    finish();
    return scoped_hold<semaphore>(semaphore_);
  }
};

}  // namespace detail

/// Hands out permits, first come, first served. It may be released above its initial value.
///
/// Like:    asyncio.Semaphore, but tasks of different loops may share one.
/// Thread:  release(), locked(): any. acquire(): tasks.
/// Life:    must outlive its waiters; the destructor asserts that nobody waits.
class semaphore {
 public:
  /// Starts with `value` permits; with 0 the first acquire() waits.   Throws: value_error below 0.
  explicit semaphore(std::ptrdiff_t value = 1);
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  virtual ~semaphore();

  /// Waits for a permit; gives true.
  ///
  /// Cancel:  leaves the queue; a permit granted in the same instant goes to the next waiter.   Throws: cancelled_error.
  /// Cost:    no allocation; no suspension when a permit is free and nobody waits.
  [[nodiscard]] detail::permit_awaiter acquire() noexcept { return detail::permit_awaiter(*this); }
  /// The same, with release() at the end of the scope.
  [[nodiscard]] detail::scoped_permit_awaiter scoped() noexcept { return detail::scoped_permit_awaiter(*this); }

  /// Gives a permit back: it is the first waiter's at once, and that task goes on in a later turn.
  virtual void release();

  /// True if acquire() would wait.
  [[nodiscard]] bool locked() const noexcept;

  /// `<Semaphore [unlocked, value:2]>`
  void append_text(std::string& out) const;

 protected:
  using permits = detail::basic_permits<detail::task_core>;
  permits permits_;
  [[nodiscard]] virtual const char* kind() const noexcept { return "Semaphore"; }

 private:
  friend class detail::permit_awaiter;
  friend struct detail::wait_view;
};

/// A semaphore that refuses to be released above its initial value.   Like: asyncio.BoundedSemaphore.
class bounded_semaphore final : public semaphore {
 public:
  explicit bounded_semaphore(std::ptrdiff_t value = 1) : semaphore(value), bound_(value) {}
  /// Throws:  value_error above the initial value; nothing has changed then.
  void release() override;

 private:
  [[nodiscard]] const char* kind() const noexcept override { return "BoundedSemaphore"; }
  std::ptrdiff_t bound_;
};

}  // namespace gyre
