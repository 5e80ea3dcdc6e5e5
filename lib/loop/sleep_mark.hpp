// SPDX-License-Identifier: BSL-1.0
#pragma once
// The handshake between a loop that falls asleep and whoever queues something for it.  Layer: loop.
// Model: tests/model/parking_model.cpp
#include <gyre/base/atomics.hpp>

namespace gyre::detail {

/// Whether a loop sleeps, or is about to.
///
///   sleeper (the loop)                             waker (any thread)
///   S1 asleep_ = true, seq_cst                     W1 push to an inbox, a seq_cst read-modify-write, or
///   S2 peers: announce, membarrier                    stop_requested = true, seq_cst
///   S3 look at every inbox, queue and timer        W2 asleep_, seq_cst: true -> parker.wake()
///   S4 nothing: parker.wait()
///
/// Proof:  if S3 misses the push of W1, then W1 comes after S3's load in the single order, so after S1; hence W2 reads
///         true and wakes, and a wake() before S4 makes S4 return at once. For stealable work that its own loop pushed
///         (no read-modify-write there) see runtime/parking.hpp. Where W1 is a plain store, of a timer's deadline by another
///         worker, a light barrier stands before W2, against the heavy one of S2.
template <class Atomics = std_atomics>
class basic_sleep_mark {
 public:
  /// S1 to S3. If there is something to do the mark stays set: wake_up() must follow in either case.
  template <class Announce, class NothingToDo>
  [[nodiscard]] bool fall_asleep(Announce&& announce, NothingToDo&& nothing_to_do) {
    asleep_.store(true, std::memory_order_seq_cst);  // S1
    announce();                                      // S2
    return nothing_to_do();                          // S3
  }

  /// A late W2 that reads true only wakes once too often. seq_cst: see watch_role.
  void wake_up() noexcept { asleep_.store(false, std::memory_order_seq_cst); }

  [[nodiscard]] bool asleep() const noexcept { return asleep_.load(std::memory_order_seq_cst); }  // W2
  /// W1 of a request that the sleeper finds raised(), and W2.
  template <class Flag>
  [[nodiscard]] bool raise(Flag& flag) const noexcept {
    flag.store(true, std::memory_order_seq_cst);
    return asleep();
  }
  template <class Flag>
  [[nodiscard]] static bool raised(const Flag& flag) noexcept {
    return flag.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] bool asleep_after_store() const noexcept {
    Atomics::light_barrier();
    return asleep();
  }

 private:
  typename Atomics::template atomic<bool> asleep_{false};
};

using sleep_mark = basic_sleep_mark<>;

}  // namespace gyre::detail
