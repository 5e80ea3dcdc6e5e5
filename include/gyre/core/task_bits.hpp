// SPDX-License-Identifier: BSL-1.0
#pragma once
// The bits of a task's state word. Layer: core.  The transitions: task_state.hpp
//
//   bit               meaning                                       set by                    cleared by
//   phase (2 bits)    ready 0, running 1, waiting 2, done 3         see the transitions       see the transitions
//   forward           the wait ends when a future does              park                      claim
//   notified          an I/O completion came before the park        notify                    take_notified
//   cancel_requested  throw at the next suspension or resumption    request_cancel            take_.., .., uncancel to a floor
//   wait_cancelled    this wait was ended by a cancel               .._cancel, park_leaf      take_cancel
//   locked            a canceller or observer reads the wait        request_cancel, .._lock.. unlock, unlock_and_..
//   pinned            never leaves its loop                         set_flags, pin            unpin
//   main              tied to its thread, its children are not      set_flags                 never
//   deaf              an I/O operation is being cancelled already   park                      claim, notify
//   tentative         the cancel came from a deadline in the past   set_flags                 with cancel_requested
//   count             cancel() calls less uncancel() calls          request_cancel            uncancel
#include <cstdint>

namespace gyre::detail {

/// Bits of the word, shared by the model that checks it.
struct task_bits {
  using word = std::uint32_t;
  static constexpr word ready = 0, running = 1, waiting = 2, done = 3, phase = 3;
  static constexpr word forward = 1U << 2;           // waiting for a future: a cancel goes to that, not to this wait
  static constexpr word notified = 1U << 3;          // woken while still running, by an I/O completion
  static constexpr word cancel_requested = 1U << 4;  // to be thrown at the next suspension
  static constexpr word wait_cancelled = 1U << 5;    // this wait was ended by a cancel
  static constexpr word locked = 1U << 6;            // a canceller looks at what is waited for
  static constexpr word pinned = 1U << 7;            // never leaves its loop
  static constexpr word main = 1U << 8;              // pinned to its thread, but its children are not
  static constexpr word unstarted = 1U << 9;         // given to the constructor: begin() is to see its first step
  static constexpr word deaf = 1U << 10;             // this wait cannot be cut short: a cancel is noted only
  static constexpr word tentative = 1U << 11;        // a deadline in the past asked for the cancel; nothing ended by it yet
  static constexpr word wait_bits = phase | forward | deaf;  // what the end of a wait clears
  static constexpr word one_cancel = 1U << 16;       // the count of cancel requests is in the upper half
  static constexpr word count = 0xffffU << 16;
};

}  // namespace gyre::detail
