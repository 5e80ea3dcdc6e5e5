// SPDX-License-Identifier: BSL-1.0
#pragma once
// A meeting point of a fixed number of tasks.  Layer: sync.  Bodies: lib/sync/barrier.cpp
#include <gyre/core/coro.hpp>
#include <gyre/sync/wait_queue.hpp>

#include <cstddef>
#include <exception>
#include <string>

namespace gyre {

class barrier;

namespace detail {

struct place_tag {};

/// One passage. It waits outside while an earlier round leaves, then inside until the round is full.
class barrier_awaiter final : public awaiter_base, public resume_check, public list_link<place_tag> {
 public:
  explicit barrier_awaiter(barrier& owner) noexcept : barrier_(owner) {}
  barrier_awaiter(const barrier_awaiter&) = delete;
  barrier_awaiter& operator=(const barrier_awaiter&) = delete;
  ~barrier_awaiter();

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    return suspend(*at.promise().task, at);
  }
  std::size_t await_resume();
  bool may_resume(task_core& t) noexcept override;
  [[nodiscard]] const char* lost() const noexcept override;

 private:
  friend class gyre::barrier;
  enum class stage : unsigned char { outside, inside, through, refused, broken, cancelled };

  bool suspend(task_core& t, std::coroutine_handle<> at) noexcept;
  [[nodiscard]] bool waits() const noexcept { return stage_ == stage::outside || stage_ == stage::inside; }

  barrier& barrier_;
  wait_node node_;
  std::size_t index_ = 0;
  stage stage_ = stage::outside;
};

}  // namespace detail

/// Lets tasks go on when as many have come as there are parties; then it is ready for the next round.
///
/// Like:    asyncio.Barrier, but tasks of different loops may share one, and indices never repeat within a round.
/// Thread:  parties(), n_waiting(), broken(): any; the last two are snapshots. wait(), reset(), abort(): tasks.
/// Life:    must outlive its waiters; the destructor asserts that nobody waits.
class barrier {
 public:
  /// Throws:  value_error below 1.
  explicit barrier(std::ptrdiff_t parties);
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;
  ~barrier();

  /// Waits until the round is full; gives a different index to each of its tasks, from 0 in the order in which they came.
  /// Who comes while a round leaves waits for the next one.
  ///
  /// Cancel:  leaves the round; another task can take the place.
  /// Throws:  broken_barrier_error after abort(), and in those whose round reset() ends; cancelled_error.
  /// Cost:    one pooled frame.
  coro<std::size_t> wait();

  /// Ends the round with broken_barrier_error in its tasks, also in those that have not left a full one yet; a broken
  /// barrier is whole again. Those who wait for the next round go on to it.
  coro<> reset();
  /// Breaks the barrier: who waits now, inside or for the next round, and who comes later get broken_barrier_error, until
  /// reset().
  coro<> abort();

  [[nodiscard]] std::ptrdiff_t parties() const noexcept { return static_cast<std::ptrdiff_t>(parties_); }
  /// How many have come while the round is not full; else 0.
  [[nodiscard]] std::ptrdiff_t n_waiting() const noexcept;
  [[nodiscard]] bool broken() const noexcept;

  /// For with(): the way in waits and gives the index, the way out does nothing.
  coro<std::size_t> aenter() { return wait(); }
  coro<bool> aexit(std::exception_ptr error);

  /// `<Barrier [filling, waiters:2/5]>`
  void append_text(std::string& out) const;

 private:
  friend class detail::barrier_awaiter;
  using passage = detail::barrier_awaiter;
  // filling:    tasks come in.                 -> draining when the last one comes
  // draining:   the round is full; it leaves.  -> filling when the last one has left
  // resetting:  the round ends in errors.      -> filling when the last one has left
  // broken:     nobody gets in.                -> filling or resetting by reset()
  enum class state : unsigned char { filling, draining, resetting, broken };

  void change(bool breaks) noexcept;
  // The rest under guard_.
  void advance(passage& p, detail::wake_list& woken) noexcept;
  void enter(passage& p, detail::wake_list& woken) noexcept;
  void leave(passage& p, detail::wake_list& woken) noexcept;
  bool give_up_place(passage& p) noexcept;  // true if it was the last one inside

  mutable detail::spin_lock guard_;
  state state_ = state::filling;
  std::size_t inside_ = 0;
  const std::size_t parties_;
  detail::intrusive_list<passage, detail::place_tag> places_;  // who is inside, in the order in which they came
  detail::wait_queue waiters_;                                 // who is parked, inside or outside
};

}  // namespace gyre
