// SPDX-License-Identifier: BSL-1.0
#pragma once
// The transitions of a task's word that take more than a line; task_state.hpp says what they mean.  Layer: core.
#include <gyre/core/task_state.hpp>

namespace gyre::detail {

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
    next = (w & requests) != 0 ? ((next & ~asked) | ready | wait_cancelled) + one_taken : next | waiting;
  } while (!word_.compare_exchange_weak(w, next, std::memory_order_release, std::memory_order_relaxed));
  return (next & phase) == waiting;  // what a request brings is acquired by take_cancel()
}

template <class A>
auto basic_task_state<A>::settled() const noexcept -> word {
  word w = look();
  for (backoff pause; (w & locked) != 0; w = look()) pause.once();
  return w;
}

template <class A>
bool basic_task_state<A>::claim(given_back back) noexcept {
  for (;;) {
    word w = settled();
    if ((w & phase) != waiting) return false;
    const word next = ended_by_future(w & ~wait_bits, back);
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
auto basic_task_state<A>::try_request(bool again, word who) noexcept -> attempt {
  word w = look();
  if ((w & locked) != 0) return {false, cancel_step::noted, 0};
  if ((w & phase) == done || (again && (w & count) == 0)) return {true, cancel_step::refused, 0};
  cancel_step step = cancel_step::noted;
  word next = w + (again || (w & count) == count ? 0 : one_cancel);
  if ((w & phase) != waiting || (w & deaf) != 0) {
    next |= who;
  } else if ((w & forward) != 0) {
    next |= locked;
    step = cancel_step::forwarded;
  } else {
    next = (next & ~phase) | wait_cancelled;
    step = cancel_step::claimed;
  }
  const bool made = word_.compare_exchange_weak(w, next, std::memory_order_acq_rel, std::memory_order_relaxed);
  return {made, step, static_cast<std::uint16_t>(w >> taken_shift)};
}

template <class A>
auto basic_task_state<A>::ask_cancel(bool again, word who) noexcept -> attempt {
  for (backoff pause;; pause.once()) {
    if (const attempt tried = try_request(again, who); tried.made) return tried;
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
  // Relaxed: what was published by the park is this thread's own.
  return (w & locked) == 0 &&
         word_.compare_exchange_strong(w, next, std::memory_order_relaxed, std::memory_order_relaxed);
}

template <class A>
void basic_task_state<A>::unlock_and_claim() noexcept {
  // Relaxed: who holds the word has acquired the park, and nobody but its caller touches the task before that queues it.
  word w = peek();
  while (!word_.compare_exchange_weak(w, (w & ~(wait_bits | locked | handed_on)) | wait_cancelled,
                                      std::memory_order_relaxed, std::memory_order_relaxed)) {
  }
}

template <class A>
unsigned basic_task_state<A>::uncancel(word scope) noexcept {
  word w = peek();  // relaxed: a count. What others publish by the word goes on through a read-modify-write
  word next = w;
  do {
    if ((w & count) == 0) return 0;
    next = w - one_cancel;
    next &= (next & count) == 0 ? ~requests : ~scope;
    if ((next & requests) == 0) next = (next & ~by_itself) + ((w & requests) != 0 ? one_taken : 0);
  } while (!word_.compare_exchange_weak(w, next, std::memory_order_relaxed, std::memory_order_relaxed));
  return static_cast<unsigned>((next & count) >> 16U);
}

}  // namespace gyre::detail
