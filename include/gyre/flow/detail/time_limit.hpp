// SPDX-License-Identifier: BSL-1.0
#pragma once
// The mechanism behind wait_for and timeout scopes: a timer that cancels its task, and a way to tell that cancel from
// others.  Layer: flow.  Bodies: lib/flow/timeout.cpp
#include <gyre/core/task_core.hpp>
#include <gyre/loop/timers.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

namespace gyre::detail {

/// A cancel that a scope makes of its own task, and takes back when the task leaves it.
///
/// Made by another thread, or by the task itself, the request may find the task on its way out of the scope. Then no later
/// wait may end by it, and requests of others must stay: the scope has a bit of its own in the task's word.
///
/// Scopes inside three others have no bit: theirs are requests like anybody's, as in asyncio. One that comes too late, which
/// takes a second thread, goes only if no other is counted.
class scope_cancel {
 public:
  /// The running task is inside the scope from now on, to leave().
  template <class Task>
  void enter(Task& t) noexcept {
    mark_ = t.scopes.take();
  }
  template <class Task>
  void leave(Task& t) noexcept {
    t.scopes.give_back(std::exchange(mark_, 0));
  }

  /// Asks `t` to end.   Thread: any; once, and the task does not leave before it is over.
  template <class Task>
  void ask(Task& t) noexcept {
    t.cancel({}, mark_ != 0 ? mark_ : task_bits::cancel_requested);
  }

  /// Whether it has a bit of its own.
  [[nodiscard]] bool is_marked() const noexcept { return mark_ != 0; }
  /// Whether the request has not been delivered.   Thread: the task's; of a marked one.
  template <class Task>
  [[nodiscard]] bool is_undelivered(Task& t) const noexcept {
    return t.state.is_asked_by(mark_);
  }
  /// Takes the request back and tells how many others are left, in one step.   Thread: the task's.
  template <class Task>
  unsigned take_back(Task& t) noexcept {
    return t.state.uncancel(mark_);
  }

 private:
  task_bits::word mark_ = 0;
};

/// When a limit ends: some time after its start, at a point of the loop's clock, or never.
class limit_spec {
 public:
  enum class kind : std::uint8_t { none, delay, deadline };

  [[nodiscard]] static limit_spec after(std::optional<std::int64_t> delay) noexcept {
    return limit_spec(delay ? kind::delay : kind::none, delay.value_or(0));
  }
  [[nodiscard]] static limit_spec until(std::optional<std::int64_t> deadline) noexcept {
    return limit_spec(deadline ? kind::deadline : kind::none, deadline.value_or(0));
  }

  std::int64_t ns;
  kind is;

 private:
  limit_spec(kind k, std::int64_t value) noexcept : ns(value), is(k) {}
};

/// Cancels the task that entered it at a deadline.   Like: asyncio.Timeout.
///
///   stage_   created -> active (enter) -> expiring (by the thread that finds the timer due, before it cancels)
///            -> expired (leave); or active -> finished (leave)
///   leave() and reschedule() begin by taking the timer back, which waits for a firing under way: what they then see stays. That
///   is the order; stage_ itself has none, and for others it is a moment's truth.
///
/// Thread:  enter(), leave(): the task's. reschedule(): any of the runtime, serialised with those two by the caller.
class time_limit final : timer_node {
 public:
  enum class stage : std::uint8_t { created, active, expiring, expired, finished };

  explicit time_limit(limit_spec when) noexcept : timer_node(&expire_now, &expire_in_turn, false), when_(when) {}
  /// Only before it is entered.
  time_limit(time_limit&& other) noexcept : time_limit(other.when_) {}
  time_limit& operator=(time_limit&&) = delete;
  ~time_limit() { stop_timer(); }

  /// The block of the running task begins.   Throws: error if it has begun before; no_running_loop outside a task.
  void enter();

  /// The block ends, with `error` or null. True if that error is this limit's own cancel and nobody else's: it is to become
  /// a timeout_error.
  [[nodiscard]] bool leave(const std::exception_ptr& error) noexcept;

  /// The frame of the block was destroyed in it: the limit is over, whoever owns it.
  void abandon() noexcept;

  /// A new deadline for an active limit.   Throws: error naming the stage otherwise; foreign_runtime.
  void reschedule(std::optional<std::int64_t> deadline);

  /// The deadline; one that counts from the start is known once it is entered.
  [[nodiscard]] std::optional<std::int64_t> deadline() const noexcept {
    return when_.is == limit_spec::kind::deadline ? std::optional<std::int64_t>(when_.ns) : std::nullopt;
  }
  [[nodiscard]] stage current() const noexcept { return stage_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool expired() const noexcept {
    const stage now = current();
    return now == stage::expiring || now == stage::expired;
  }

 private:
  class ticket;
  void arm_in_turn(home& here, std::int64_t now);
  static void expire_now(timer_node& node) noexcept;
  static void expire_in_turn(runnable& r, fate f) noexcept;
  void expire() noexcept;
  void arm(home& here, std::int64_t now);
  void note_armed(home& here) noexcept;
  void stop_timer() noexcept;
  void check_active() const;

  task_core* task_ = nullptr;
  const loop_identity* armed_at_ = nullptr;  // whose heap the timer is in; it may be gone before this object
  std::uint32_t armed_era_ = 0;
  ticket* ticket_ = nullptr;  // in that heap instead of this object
  limit_spec when_;
  unsigned cancels_before_ = 0;
  bool overdue_ = false;  // it expired at the moment in which it was set
  scope_cancel cancel_;
  std::atomic<stage> stage_{stage::created};
};

/// The word for a stage in texts and messages.
[[nodiscard]] const char* name_of(time_limit::stage stage) noexcept;

/// Call it in a handler: what is handled there becomes the cause.
[[noreturn]] void throw_timed_out();

}  // namespace gyre::detail
