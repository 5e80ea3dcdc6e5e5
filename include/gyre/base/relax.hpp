// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a thread does while it waits for another's next few instructions.  Layer: base.  Bodies: lib/base/relax.cpp

namespace gyre::detail {

/// Spins some rounds with the processor's pause hint, then gives the core away on each further round.
class backoff {
 public:
  void once() noexcept;

 private:
  int rounds_ = 0;
};

/// What a thread does that finds a lock held, from then until it has the lock: it looks again soon if that is rare, and stays
/// away for some microseconds if it happens all the time.
///
/// A section under a lock takes about 10 ns, the way of the lock and of what it guards from one processor to another 100. Two
/// that use it all the time and wait for each other's next few instructions pay that way for each section; the one that stays
/// away lets the other run some hundred sections in one go, and does the same when its own turn comes.
///
/// Cost:    never more than 5 us beyond the moment at which the lock is free; some 50 ns for the clock where it is rare.
class standing_aside {
 public:
  standing_aside() noexcept = default;
  standing_aside(const standing_aside&) = delete;
  standing_aside& operator=(const standing_aside&) = delete;
  ~standing_aside();
  void once() noexcept;

 private:
  bool away_ = false;
  backoff pause_;
};

}  // namespace gyre::detail
