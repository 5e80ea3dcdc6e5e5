// SPDX-License-Identifier: BSL-1.0
#pragma once
// A flag that tasks wait for.  Layer: sync.  Bodies: lib/sync/event.cpp
#include <gyre/sync/handing_over.hpp>
#include <gyre/sync/wait_queue.hpp>

#include <string>

namespace gyre {

class event;

namespace detail {

struct wait_view;

class event_awaiter : public awaiter_base {
 public:
  using value_type = bool;

  explicit event_awaiter(event& owner) noexcept : event_(owner) {}
  event_awaiter(event_awaiter&& unawaited) noexcept : event_(unawaited.event_) {}
  event_awaiter(const event_awaiter&) = delete;
  event_awaiter& operator=(const event_awaiter&) = delete;
  ~event_awaiter();

  [[nodiscard]] bool await_ready() const noexcept;
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    return suspend(*at.promise().task, at);
  }
  bool await_resume();

 private:
  bool suspend(task_core& t, std::coroutine_handle<> at) noexcept;
  void leave_queue() noexcept;
  event& event_;
  wait_node node_;
};

}  // namespace detail

/// Set once, it lets everybody through until it is cleared.
///
/// Like:    asyncio.Event, but tasks of different loops may share one.
/// Thread:  set(), clear(), is_set(): any. wait(): tasks.
/// Life:    must outlive its waiters; the destructor asserts that nobody waits.
class event {
 public:
  event() = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event();

  /// Waits until it is set; gives true.   Cancel: leaves the queue.   Cost: no allocation.
  [[nodiscard]] detail::event_awaiter wait() noexcept { return detail::event_awaiter(*this); }
  /// Lets all waiters go on, in the order in which they came, in later turns of their loops.
  void set() noexcept;
  /// Makes later wait() calls wait. Those woken by set() go on all the same.
  void clear() noexcept;
  [[nodiscard]] bool is_set() const noexcept;

  /// `<Event [unset, waiters:2]>`
  void append_text(std::string& out) const;

 private:
  friend class detail::event_awaiter;
  friend struct detail::wait_view;
  detail::basic_flag<detail::task_core> flag_;
};

}  // namespace gyre
