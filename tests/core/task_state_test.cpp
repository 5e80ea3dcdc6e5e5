// SPDX-License-Identifier: BSL-1.0
// The state word of a task, transition by transition on one thread; races are the model's.
#include <gyre/core/task_state.hpp>

#include <catch2/catch.hpp>

using gyre::detail::task_bits;
using gyre::detail::task_state;
using kind = task_state::wait_kind;

TEST_CASE("task state: a parked task that somebody looks at stays parked", "[core][task]") {
  task_state s(task_bits::ready);
  CHECK_FALSE(s.begin());
  CHECK(s.park(kind::forwarding));
  CHECK(s.forwards_cancel());
  CHECK(s.lock_if_waiting());
  CHECK_FALSE(s.try_lock());
  CHECK_FALSE(s.unpark());
  CHECK(s.is_waiting());
  s.unlock();
  CHECK(s.unpark());
  CHECK_FALSE(s.is_waiting());
  CHECK_FALSE(s.forwards_cancel());
  CHECK_FALSE(s.lock_if_waiting());
}

TEST_CASE("task state: which waits a request that was there before keeps from parking", "[core][task]") {
  for (const kind wait : {kind::leaf, kind::forwarding, kind::forwarding_refused, kind::deaf}) {
    task_state s(task_bits::ready);
    CHECK_FALSE(s.begin());
    CHECK(s.request_cancel() == task_state::cancel_step::noted);
    const bool parks = wait == kind::forwarding_refused || wait == kind::deaf;
    CHECK(s.park(wait) == parks);
    CHECK(s.cancel_pending());
    CHECK(s.is_waiting() == parks);
  }
}
