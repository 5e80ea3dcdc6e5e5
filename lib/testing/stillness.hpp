// SPDX-License-Identifier: BSL-1.0
#pragma once
// What holds when no loop can run and only the clock can go on: nothing is left undone.  Layer: testing.
// Bodies: lib/testing/stillness.cpp
#include <cstddef>
#include <cstdint>
#include <string>

namespace gyre::detail {
class loop_core;
}

namespace gyre::testing {

/// Looks for what the loops have lost. At such a moment, whatever the program is:
///
///   queues     all are empty; no loop is to stop, none searches for work, and the idle word counts them all as sleepers
///   alarms     a loop gets up when its first timer is due
///   tasks      each waits, or has a fork-join with a child that has not ended; none that has ended is listed
///   futures    a task waits for none that is done, nor for a gather or shield that its sources end
///   cancels    none is asked of a task whose wait could end by it
///   sync       a task waits for no lock that is free, no semaphore with permits, no event that is set, no item or room that
///              a queue has, no queue that is shut down, no barrier that is filled, broken, or open to it; and in no list
///              where somebody was woken
///   flow       a task waits for no group and no wait() that is over, and for no timer that is not set
///   others     what a task waits for is known: a kind of wait that has nothing to say here is not forgotten
///
/// A program that waits for something that never comes is none of its business: that is a deadlock.
///
/// Cost:    the number of tasks.
class stillness {
 public:
  /// Of one loop, which sleeps and gets up at `alarm`.
  void look_at(detail::loop_core& l, std::int64_t alarm);
  [[nodiscard]] std::size_t tasks() const noexcept { return tasks_; }
  /// What is wrong, a line each; empty if nothing is.
  [[nodiscard]] const std::string& lost() const noexcept { return lost_; }

 private:
  std::string lost_;
  std::size_t tasks_ = 0;
};

}  // namespace gyre::testing
