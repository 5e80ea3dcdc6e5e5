// SPDX-License-Identifier: BSL-1.0
#pragma once
// The bits of a task's state word. Layer: core.  The transitions: task_state.hpp
//
//   bit               meaning                                       set by                    cleared by
//   phase (2 bits)    ready 0, running 1, waiting 2, done 3         see the transitions       see the transitions
//   forward           the wait ends when a future does              park                      claim
//   notified          an I/O completion came before the park        notify                    take_notified
//   cancel_requested  throw at the next suspension or resumption    request_cancel            take_.., .., uncancel to 0
//   by_scope (3)      the same, asked for by one of its scopes      request_cancel            the same, uncancel by that one
//   by_itself         such a request came from inside its step      request_cancel            with the last of them
//   handed_on         the awaited task has a request of this one    note_handed_on            claim, end_.., take_handed_on
//   wait_cancelled    this wait was ended by a cancel               .._cancel, park_leaf      take_cancel
//   locked            a canceller or observer reads the wait        request_cancel, .._lock.. unlock, unlock_and_..
//   pinned            never leaves its loop                         set_flags, pin            unpin
//   main              tied to its thread, its children are not      set_flags                 never
//   used              it has a context or a mark as a holder        note_used                 never
//   deaf              an I/O operation is being cancelled already   park                      claim, notify
//   count             cancel() calls less uncancel() calls          request_cancel            uncancel
//   handed_at         `taken` of that task when it got the request  note_handed_on            note_handed_on
//   taken             how often requests were taken from the word   whatever takes them       never; it wraps
#include <cstdint>

namespace gyre::detail {

/// Bits of the word, shared by the model that checks it.
struct task_bits {
  using word = std::uint64_t;
  static constexpr word ready = 0, running = 1, waiting = 2, done = 3, phase = 3;
  static constexpr word forward = 1U << 2;           // waiting for a future: a cancel goes to that, not to this wait
  static constexpr word notified = 1U << 3;          // woken while still running, by an I/O completion
  static constexpr word cancel_requested = 1U << 4;  // to be thrown at the next suspension
  static constexpr word wait_cancelled = 1U << 5;    // this wait was ended by a cancel
  static constexpr word locked = 1U << 6;            // a canceller looks at what is waited for
  static constexpr word pinned = 1U << 7;            // never leaves its loop
  static constexpr word main = 1U << 8;              // pinned to its thread, but its children are not
  static constexpr word used = 1U << 9;              // what it holds must not be found by another child in its place
  static constexpr word deaf = 1U << 10;             // this wait cannot be cut short: a cancel is noted only
  static constexpr word by_itself = 1U << 11;        // a request came from code inside the task's step
  static constexpr word handed_on = 1U << 12;        // a request went to the awaited task, which may give it back
  static constexpr word one_scope = 1U << 13;        // as cancel_requested, for the first of the task's scopes
  static constexpr word by_scope = 7U << 13;         // for three of them: a scope takes back what is its own
  static constexpr word wait_bits = phase | forward | deaf;  // what the end of a wait clears
  static constexpr word one_cancel = 1U << 16;               // the count of cancel requests is in the next 16 bits
  static constexpr word count = 0xffffU << 16;
  static constexpr unsigned handed_at_shift = 32, taken_shift = 48;  // 16 bits each
  static constexpr word handed_at = word{0xffff} << handed_at_shift;
  static constexpr word one_taken = word{1} << taken_shift;
  static constexpr word requests = cancel_requested | by_scope;  // to be thrown at the next suspension, by who asked
  static constexpr word asked = requests | by_itself;            // what goes when they are delivered or withdrawn
};

/// What a task that has ended gives back to those who handed requests on to it: the ones that came when it had taken
/// requests so many times, and missed these.
struct given_back {
  std::int32_t at = nothing;
  static constexpr std::int32_t nothing = -1;
};

/// Which of the bits that tell a task's scopes apart are in use. A scope gets one when the task enters it; where there are
/// more scopes than bits, the innermost do without: their requests count like anybody's.
class scope_marks {
 public:
  [[nodiscard]] task_bits::word take() noexcept {
    for (task_bits::word mark = task_bits::one_scope; (mark & task_bits::by_scope) != 0; mark <<= 1U) {
      if ((used() & mark) != 0) continue;
      used_ |= static_cast<std::uint8_t>(mark >> shift);
      return mark;
    }
    return 0;
  }
  void give_back(task_bits::word mark) noexcept { used_ &= static_cast<std::uint8_t>(~(mark >> shift)); }

 private:
  static constexpr unsigned shift = 8;
  [[nodiscard]] task_bits::word used() const noexcept { return task_bits::word{used_} << shift; }

  std::uint8_t used_ = 0;
};

}  // namespace gyre::detail
