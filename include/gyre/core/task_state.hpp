// SPDX-License-Identifier: BSL-1.0
#pragma once
// The state word of a task: its phase, what is asked of it, and the count of cancel requests. One function per
// transition; nothing else touches the word. Its bits: task_bits.hpp.  Layer: core.
//
// A wait ends by exactly one waiting -> ready: claim() (the wake) and request_cancel() (the cancel) race for it with a
// compare-exchange. While `locked`, claim() waits, so that what the parked task waits for stays what it was.
// Nobody who wakes or cancels a ready task asks if it takes a step just now: steps begin and yield without touching the
// word, and only a task that was born running is `running`.
#include <gyre/base/relax.hpp>
#include <gyre/base/steal_deque.hpp>
#include <gyre/core/task_bits.hpp>

#include <cstdint>
#include <utility>

namespace gyre::detail {

/// See the table in task_bits.hpp.
///
/// Thread:  begin, yield, park, finish, take_*, pin, unpin: the thread that runs the task. The others: any.
template <class Atomics = std_atomics>
class basic_task_state : task_bits {
 public:
  using word = task_bits::word;

  /// Born ready, it is to take its first step: see begin().
  explicit basic_task_state(word initial) noexcept : word_(initial), unstarted_((initial & phase) == ready) {}

  [[nodiscard]] bool is_done() const noexcept { return (look() & phase) == done; }
  /// Acquire: who sees a task pinned by itself, at a loop that it has moved to, sees it at home there.
  [[nodiscard]] bool is_pinned() const noexcept { return (word_.load(std::memory_order_acquire) & pinned) != 0; }
  [[nodiscard]] bool is_main() const noexcept { return (peek() & main) != 0; }
  [[nodiscard]] bool is_waiting() const noexcept { return (look() & phase) == waiting; }
  /// A moment's truth, for reports.
  [[nodiscard]] bool is_running() const noexcept {
    return (look() & waiting) == 0 && (stepping_.load(std::memory_order_relaxed) || (look() & running) != 0);
  }
  /// seq_cst with park(): of tasks that begin to await each other at once, one sees the other parked.
  [[nodiscard]] bool forwards_cancel() const noexcept { return (word_.load(std::memory_order_seq_cst) & forward) != 0; }
  [[nodiscard]] unsigned cancelling() const noexcept { return static_cast<unsigned>((look() & count) >> 16U); }
  [[nodiscard]] bool cancel_pending() const noexcept { return (peek() & (requests | wait_cancelled)) != 0; }
  /// It was born running and has neither been in another queue since, nor parked, nor been asked for anything, nor used.
  [[nodiscard]] bool is_untouched() const noexcept { return peek() == running; }
  [[nodiscard]] bool is_ready() const noexcept { return (peek() & phase) == ready; }  ///< or yielded
  /// For the running task: neither pinned nor about to be cancelled.
  [[nodiscard]] bool is_free() const noexcept { return (peek() & (pinned | requests | wait_cancelled)) == 0; }

  /// A ready task takes a step. Returns true if a cancel is pending before the very first one.
  bool begin() noexcept {
    stepping_.store(true, std::memory_order_relaxed);
    return std::exchange(unstarted_, false) && (look() & requests) != 0;
  }
  /// running -> ready: the task goes to the end of a queue. The caller enqueues it after this.
  void yield() noexcept {
    stepping_.store(false, std::memory_order_relaxed);
    if ((look() & running) != 0) word_.fetch_and(~running, std::memory_order_relaxed);
  }
  /// How a wait takes a cancel: it ends by it; the future that it waits for gets it; that future refused it already, and
  /// the request stays until the task resumes; it cannot be cut short, and the request stays as well.
  enum class wait_kind : std::uint8_t { leaf, forwarding, forwarding_refused, deaf };

  /// running -> waiting, unless a cancel or a notification got there first: then false, and the task still runs.
  [[nodiscard]] bool park(wait_kind kind = wait_kind::leaf) noexcept;
  /// For waits that only a grant or a cancel may end: running -> waiting, or, with a cancel pending, -> ready, where the
  /// cancel has ended this wait and cannot be withdrawn any more. False then: the caller enqueues the task.
  [[nodiscard]] bool park_leaf() noexcept;
  /// waiting -> ready: true for exactly one caller per wait, who then enqueues the task. `back`: of the awaited task, which
  /// has ended. If the request that this one handed on is there, it has ended this wait.
  [[nodiscard]] bool claim(given_back back = {}) noexcept;
  /// As claim(), for a completion that may come before park(): then the mark makes park() return false.
  [[nodiscard]] bool notify() noexcept;
  /// Clears the mark of notify(); true if it was there. Acquire: two may have left it, the second one between the look and this.
  bool take_notified() noexcept {
    return (look() & notified) != 0 && (word_.fetch_and(~notified, std::memory_order_acquire) & notified) != 0;
  }

  /// What a cancel request found.
  enum class cancel_step : std::uint8_t {
    refused,    // done already; or withdrawn, if it is repeated
    noted,      // will be thrown at the next suspension
    claimed,    // ended a wait: the caller enqueues the task
    forwarded,  // the word is locked: the caller reads what is waited for, then calls unlock()
  };

  /// Counts a request and decides where it goes. `who` tells it from others: cancel_requested, or a scope's bit; by_itself.
  [[nodiscard]] cancel_step request_cancel(word who = cancel_requested) noexcept { return ask_cancel(false, who).step; }
  /// What the request was passed on to has refused it: decides again, without counting it twice. The task may wait for
  /// something else by now. All requests may have been withdrawn by uncancel() meanwhile: then it is gone.
  [[nodiscard]] cancel_step repeat_cancel(word who = cancel_requested) noexcept { return ask_cancel(true, who).step; }
  /// What came of either. Not `made`: somebody else was at the word. `taken`: where the request stands, if it is noted.
  struct attempt {
    bool made;
    cancel_step step;
    std::uint16_t taken;
  };
  [[nodiscard]] attempt try_request(bool again, word who) noexcept;
  [[nodiscard]] attempt ask_cancel(bool again, word who) noexcept;  ///< until it is made
  /// Holds the word for the few instructions in which an observer looks at a parked task. False when it is not parked.
  [[nodiscard]] bool lock_if_waiting() noexcept;
  /// The same, and false too when somebody else holds the word.
  [[nodiscard]] bool try_lock() noexcept;
  /// waiting -> running, by the thread that has just parked the task, under the lock that keeps wakers from it. False when
  /// somebody holds the word.
  [[nodiscard]] bool unpark() noexcept;
  void unlock() noexcept { word_.fetch_and(~locked, std::memory_order_release); }
  /// The same, and leaves a request to the end of the wait.
  void unlock_and_note(word who = cancel_requested) noexcept {
    word_.fetch_or(who, std::memory_order_relaxed);  // ordered by the unlock
    unlock();
  }
  void unlock_and_claim() noexcept;  ///< ends the wait by that request, when nothing else can end it any more

  /// Withdraws one request; returns how many are left. At 0 none is to be delivered any more. A scope gives its bit: its
  /// request is gone, if that was not delivered, and those of others stay.
  unsigned uncancel(word scope = 0) noexcept;

  /// True if a cancel is to be thrown now; it is taken, for all requests so far. What was withdrawn meanwhile is not there.
  [[nodiscard]] bool take_cancel() noexcept { return cancel_pending() && take_cancel_slow(); }

  /// Takes the undelivered requests of `who` back, to pass them on to the children of a fork-join. `at`: where the caller's
  /// stood. False: there is none, or the task has taken the caller's since. Acquire: others may have asked for what is taken.
  [[nodiscard]] bool withdraw_request(word who, std::uint16_t at) noexcept {
    for (word w = peek(); (w & who & requests) != 0 && static_cast<std::uint16_t>(w >> taken_shift) == at;) {
      if (word_.compare_exchange_weak(w, w & ~who, std::memory_order_acquire, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  /// The running task takes all its requests, to pass them on to the children of a fork-join. False: there is none.
  [[nodiscard]] bool take_for_children() noexcept {
    return (change([](word w) { return (w & asked) == 0 ? w : (w & ~asked) + one_taken; }) & requests) != 0;
  }
  /// The future that the running task is about to wait for has taken its requests.
  void hand_on() noexcept {
    change([](word w) { return (w & ~asked) + one_taken; });
  }
  /// The task that this one awaits, or is about to await, has noted its request.   Thread: any, under the lock of the awaited
  /// future, which has not ended.
  void note_handed_on(std::uint16_t taken) noexcept {
    change([taken](word w) { return (w & ~handed_at) | handed_on | word{taken} << handed_at_shift; });
  }
  /// Whether that is so, and the request came with that number. No more: its canceller has it in hand.   Thread: likewise.
  [[nodiscard]] bool has_handed_on(std::uint16_t taken) const noexcept {
    return (peek() & (handed_on | handed_at)) == (handed_on | word{taken} << handed_at_shift);
  }
  void take_handed_on() noexcept { word_.fetch_and(~handed_on, std::memory_order_relaxed); }
  /// It need not wait for that future: see claim().
  void end_handing_on(given_back back) noexcept {
    if ((look() & handed_on) != 0) change([back](word w) { return ended_by_future(w, back); });
  }
  /// The requests that were passed on to the children of a fork-join came back to the running task as an error.
  void note_taken() noexcept { word_.fetch_add(one_taken, std::memory_order_relaxed); }  // the top bits: it may wrap

  [[nodiscard]] bool is_asked_by(word who) const noexcept { return (look() & who) != 0; }
  /// For a task whose body has returned. asyncio: while a cancel is pending, it ends cancelled all the same: it has asked for
  /// that itself. A request from elsewhere comes too late: what the task returned before it could see that stands.
  [[nodiscard]] bool hides_value() const noexcept { return (peek() & (by_itself | wait_cancelled)) != 0; }
  /// Of the word at the end: what came too late, wherever it is now. The task's own request has ended it.
  [[nodiscard]] static given_back missed_requests(word ended) noexcept {
    return (ended & by_itself) != 0 ? given_back{} : given_back{static_cast<std::int32_t>(ended >> taken_shift)};
  }
  [[nodiscard]] bool wait_ended_by_cancel() const noexcept { return (look() & wait_cancelled) != 0; }

  /// running -> done. Returns the word as it was.
  word finish() noexcept { return word_.fetch_or(done, std::memory_order_acq_rel); }
  /// The same for a child of a fork-join, if is_untouched(): nobody waits on its word, and a cancel that this hides came too
  /// late.
  void finish_untouched() noexcept { word_.store(done, std::memory_order_release); }
  void restart() noexcept { word_.store(running, std::memory_order_relaxed); }  ///< after that: another task, running
  /// The running task gets something that a task in its place, born running as it was, must not find: see is_untouched().
  void note_used() noexcept {
    if ((peek() & running) != 0) word_.fetch_or(used, std::memory_order_relaxed);
  }
  /// A task that was born running goes through a queue before its first step: it is a ready one.
  void mark_unstarted() noexcept {
    unstarted_ = true;
    word_.fetch_and(~running, std::memory_order_relaxed);
  }
  void set_flags(word flags) noexcept { word_.fetch_or(flags, std::memory_order_relaxed); }
  /// The running task stays on its loop from now on, or may leave it. It is in no queue, and who wakes it reads the bit after
  /// the claim.
  void pin() noexcept { word_.fetch_or(pinned, std::memory_order_release); }
  void unpin() noexcept { word_.fetch_and(~pinned, std::memory_order_relaxed); }  // publishes nothing

 private:
  [[nodiscard]] word look() const noexcept { return word_.load(std::memory_order_acquire); }
  [[nodiscard]] word peek() const noexcept { return word_.load(std::memory_order_relaxed); }
  word settled() const noexcept;  // the word once no canceller holds it
  // Returns the word as it was.
  template <class Next>
  word change(Next next) noexcept {
    word w = look();
    while (!word_.compare_exchange_weak(w, next(w), std::memory_order_acq_rel, std::memory_order_acquire)) {
    }
    return w;
  }
  // All requests may have been withdrawn meanwhile: then none comes back.
  [[nodiscard]] static word ended_by_future(word w, given_back back) noexcept {
    const bool mine = (w & handed_on) != 0 && static_cast<std::int32_t>((w & handed_at) >> handed_at_shift) == back.at;
    return (w & ~handed_on) | (mine && (w & count) != 0 ? wait_cancelled : 0);
  }
  bool take_cancel_slow() noexcept {
    constexpr word pending = asked | wait_cancelled;
    return (change([](word w) { return (w & pending) == 0 ? w : (w & ~pending) + one_taken; }) & pending) != 0;
  }

  typename Atomics::template atomic<word> word_;
  // Both written by the thread that runs the task; the first orders nothing.
  typename Atomics::template atomic<bool> stepping_{false};
  bool unstarted_;
};

using task_state = basic_task_state<>;

}  // namespace gyre::detail

#include <gyre/core/detail/task_transitions.hpp>
