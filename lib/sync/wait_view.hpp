// SPDX-License-Identifier: BSL-1.0
#pragma once
// What primitives show of themselves to who looks at a task that waits for them.  Layer: sync.
#include <gyre/sync/condition.hpp>
#include <gyre/sync/event.hpp>
#include <gyre/sync/lock.hpp>
#include <gyre/sync/queue_base.hpp>
#include <gyre/sync/semaphore.hpp>

namespace gyre::detail {

struct wait_view {
  /// While the task is kept parked. No lock may be taken here: who wakes the task holds the primitive's and waits for the
  /// task's.
  [[nodiscard]] static holder_word holder_of(const lock& l) noexcept { return l.turns_.holder().get(); }

  // What the task has lost, at a moment when no thread is at work; null if it waits rightly.
  [[nodiscard]] static const char* lost_at(const lock& l) noexcept { return l.turns_.lost(); }
  [[nodiscard]] static const char* lost_at(const semaphore& s) noexcept { return s.permits_.lost(); }
  [[nodiscard]] static const char* lost_at(const event& e) noexcept { return e.flag_.lost(); }
  [[nodiscard]] static const char* lost_at(const condition& c) noexcept { return lost_in(c.waiters_); }
  [[nodiscard]] static const char* lost_at_end_of(const queue_base& q) noexcept {
    return q.unfinished_ == 0 ? "waits for the end of a queue that has ended" : lost_in(q.joiners_);
  }
};

}  // namespace gyre::detail
