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

  explicit basic_task_state(word initial) noexcept
      : word_(initial & ~unstarted), unstarted_((initial & unstarted) != 0) {}

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
  [[nodiscard]] unsigned cancelling() const noexcept { return look() >> 16U; }
  [[nodiscard]] bool cancel_pending() const noexcept { return (peek() & (requests | wait_cancelled)) != 0; }
  /// It was born running and has neither been in another queue since, nor parked, nor been asked for anything.
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
  /// waiting -> ready: true for exactly one caller per wait, who then enqueues the task. `gives_back`: the awaited future has
  /// ended and did not look at the latest requests: one that the task handed on has ended this wait.
  [[nodiscard]] bool claim(bool gives_back = false) noexcept;
  /// As claim(), for a completion that may come before park(): then the mark makes park() return false.
  [[nodiscard]] bool notify() noexcept;
  /// Clears the mark of notify(); true if it was there.
  bool take_notified() noexcept {
    return (look() & notified) != 0 && (word_.fetch_and(~notified, std::memory_order_acq_rel) & notified) != 0;
  }

  /// What a cancel request found.
  enum class cancel_step : std::uint8_t {
    refused,    // done already; or withdrawn, if it is repeated
    noted,      // will be thrown at the next suspension
    claimed,    // ended a wait: the caller enqueues the task
    forwarded,  // the word is locked: the caller reads what is waited for, then calls unlock()
  };

  /// Counts a request and decides where it goes. `who` tells it from others: cancel_requested, or a scope's bit; by_itself.
  [[nodiscard]] cancel_step request_cancel(word who = cancel_requested) noexcept { return request(one_cancel, who); }
  /// What the request was passed on to has refused it: decides again, without counting it twice. The task may wait for
  /// something else by now. All requests may have been withdrawn by uncancel() meanwhile: then it is gone.
  [[nodiscard]] cancel_step repeat_cancel(word who = cancel_requested) noexcept { return request(0, who); }
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

  /// Takes the undelivered requests of `who` back, to pass them on to the children of a fork-join. False: there is none.
  [[nodiscard]] bool withdraw_request(word who) noexcept {
    return (word_.fetch_and(~who, std::memory_order_acq_rel) & who & requests) != 0;
  }
  /// The future that the running task is about to wait for has taken its requests.
  void hand_on() noexcept {
    word w = look();
    while (!word_.compare_exchange_weak(w, (w & ~asked) | handed_on, std::memory_order_acq_rel, std::memory_order_acquire)) {
    }
  }
  /// It need not wait for that future: see claim().
  void end_handing_on(bool gives_back) noexcept {
    for (word w = look(); (w & handed_on) != 0;) {
      const word next = ended_by_future(w, gives_back);
      if (word_.compare_exchange_weak(w, next, std::memory_order_acq_rel, std::memory_order_acquire)) return;
    }
  }

  [[nodiscard]] bool is_asked_by(word who) const noexcept { return (look() & who) != 0; }
  /// Of a task that is done: requests came in its last step that it could not see. Its end stands; see claim().
  [[nodiscard]] bool missed_requests() const noexcept { return missed_requests(look()); }
  [[nodiscard]] static bool missed_requests(word ended) noexcept {
    return (ended & phase) == done && (ended & requests) != 0 && (ended & by_itself) == 0;
  }
  [[nodiscard]] bool wait_ended_by_cancel() const noexcept { return (look() & wait_cancelled) != 0; }

  /// running -> done. Returns the word as it was.
  word finish() noexcept { return word_.fetch_or(done, std::memory_order_acq_rel); }

  /// The same for a child of a fork-join: nobody waits on its word, and a cancel that this hides came too late.
  void finish_unshared() noexcept {
    word_.store((word_.load(std::memory_order_relaxed) & count) | done, std::memory_order_release);
  }
  void finish_untouched() noexcept { word_.store(done, std::memory_order_release); }  ///< the same, if is_untouched()
  void restart() noexcept { word_.store(running, std::memory_order_relaxed); }  ///< after that: another task, running
  /// A task that was born running goes through a queue before its first step: it is a ready one.
  void mark_unstarted() noexcept {
    unstarted_ = true;
    word_.fetch_and(~running, std::memory_order_relaxed);
  }
  void set_flags(word flags) noexcept { word_.fetch_or(flags, std::memory_order_relaxed); }
  /// The running task stays on its loop from now on, or may leave it. It is in no queue, and who wakes it reads the bit after
  /// the claim.
  void pin() noexcept { word_.fetch_or(pinned, std::memory_order_release); }
  void unpin() noexcept { word_.fetch_and(~pinned, std::memory_order_release); }

 private:
  [[nodiscard]] word look() const noexcept { return word_.load(std::memory_order_acquire); }
  [[nodiscard]] word peek() const noexcept { return word_.load(std::memory_order_relaxed); }
  word settled() const noexcept;  // the word once no canceller holds it
  cancel_step request(word counted, word who) noexcept;
  // All requests may have been withdrawn meanwhile: then none comes back.
  [[nodiscard]] static word ended_by_future(word w, bool gives_back) noexcept {
    const bool back = gives_back && (w & handed_on) != 0 && (w & count) != 0;
    return (w & ~handed_on) | (back ? wait_cancelled : 0);
  }
  bool take_cancel_slow() noexcept {
    return (word_.fetch_and(~(asked | wait_cancelled), std::memory_order_acq_rel) & (asked | wait_cancelled)) != 0;
  }

  typename Atomics::template atomic<word> word_;
  typename Atomics::template atomic<bool> stepping_{false};  // written by the thread that runs the task; orders nothing
  bool unstarted_;  // that thread's
};

using task_state = basic_task_state<>;

template <class A>
bool basic_task_state<A>::park(wait_kind kind) noexcept {
  const bool takes_cancel = kind == wait_kind::leaf || kind == wait_kind::forwarding;
  const bool forwards = kind == wait_kind::forwarding || kind == wait_kind::forwarding_refused;
  const word mark = (forwards ? forward : 0) | (kind == wait_kind::deaf ? deaf : 0);
  const word stop = notified | (takes_cancel ? requests : 0);
  stepping_.store(false, std::memory_order_relaxed);  // before the park: after it, another step may have begun
  word w = look();
  do {
    if ((w & stop) != 0) return stepping_.store(true, std::memory_order_relaxed), false;
  } while (!word_.compare_exchange_weak(w, (w & ~phase) | waiting | mark, std::memory_order_seq_cst,
                                        std::memory_order_acquire));
  return true;
}

template <class A>
bool basic_task_state<A>::park_leaf() noexcept {
  stepping_.store(false, std::memory_order_relaxed);
  word w = look();
  word next = 0;
  do {
    next = w & ~phase;
    next = (w & requests) != 0 ? (next & ~asked) | ready | wait_cancelled : next | waiting;
  } while (!word_.compare_exchange_weak(w, next, std::memory_order_acq_rel, std::memory_order_acquire));
  return (next & phase) == waiting;
}

template <class A>
auto basic_task_state<A>::settled() const noexcept -> word {
  word w = look();
  for (backoff pause; (w & locked) != 0; w = look()) pause.once();
  return w;
}

template <class A>
bool basic_task_state<A>::claim(bool gives_back) noexcept {
  for (;;) {
    word w = settled();
    if ((w & phase) != waiting) return false;
    const word next = ended_by_future(w & ~wait_bits, gives_back);
    if (word_.compare_exchange_weak(w, next, std::memory_order_acq_rel, std::memory_order_relaxed)) return true;
  }
}

template <class A>
bool basic_task_state<A>::notify() noexcept {
  for (;;) {
    word w = settled();
    const bool parked = (w & phase) == waiting;
    const word next = parked ? w & ~wait_bits : w | notified;
    if (word_.compare_exchange_weak(w, next, std::memory_order_acq_rel, std::memory_order_relaxed)) return parked;
  }
}

template <class A>
auto basic_task_state<A>::request(word counted, word who) noexcept -> cancel_step {
  for (;;) {
    word w = settled();
    cancel_step step = cancel_step::noted;
    word next = w + ((w & count) == count ? 0 : counted);
    if ((w & phase) == done) return cancel_step::refused;
    if (counted == 0 && (w & count) == 0) return cancel_step::refused;
    if ((w & phase) != waiting || (w & deaf) != 0) {
      next |= who;
    } else if ((w & forward) != 0) {
      next |= locked | handed_on;
      step = cancel_step::forwarded;
    } else {
      next = (next & ~phase) | wait_cancelled;
      step = cancel_step::claimed;
    }
    if (word_.compare_exchange_weak(w, next, std::memory_order_acq_rel, std::memory_order_relaxed)) return step;
  }
}

template <class A>
bool basic_task_state<A>::lock_if_waiting() noexcept {
  while ((settled() & phase) == waiting) {
    if (try_lock()) return true;
  }
  return false;
}

template <class A>
bool basic_task_state<A>::try_lock() noexcept {
  word w = peek();
  return (w & (phase | locked)) == waiting &&
         word_.compare_exchange_strong(w, w | locked, std::memory_order_acquire, std::memory_order_relaxed);
}

template <class A>
bool basic_task_state<A>::unpark() noexcept {
  word w = look();
  const word next = (w & ~wait_bits) | running;
  return (w & locked) == 0 &&
         word_.compare_exchange_strong(w, next, std::memory_order_acq_rel, std::memory_order_relaxed);
}

template <class A>
void basic_task_state<A>::unlock_and_claim() noexcept {
  word w = look();
  while (!word_.compare_exchange_weak(w, (w & ~(wait_bits | locked | handed_on)) | wait_cancelled, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
  }
}

template <class A>
unsigned basic_task_state<A>::uncancel(word scope) noexcept {
  word w = look();
  word next = w;
  do {
    if ((w & count) == 0) return 0;
    next = w - one_cancel;
    if ((w & phase) == done) continue;  // what came too late for it is known by these bits
    next &= (next & count) == 0 ? ~requests : ~scope;
    if ((next & requests) == 0) next &= ~by_itself;
  } while (!word_.compare_exchange_weak(w, next, std::memory_order_acq_rel, std::memory_order_acquire));
  return next >> 16U;
}

}  // namespace gyre::detail
