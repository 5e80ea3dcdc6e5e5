// SPDX-License-Identifier: BSL-1.0
#pragma once
// At most one wake-up in flight to a reactor, and none lost.  Layer: loop.   Model: tests/model/doorbell_model.cpp
#include <gyre/base/atomics.hpp>

#include <utility>

namespace gyre::detail {

/// The bell of a reactor: an entry posted to its io_context, in memory that there is once.
///
///   rung_    true from the first ring() until the posted bell is taken: at most one bell is in flight. Taken by an exchange:
///            a ring() that found it true is acquired, so that what came before that is seen when wait() returns.
///   heard_   a bell was taken outside wait(), maybe by another worker that polls here just as the owner falls asleep: the
///            next wait() returns at once. Guarded by the lock of the io_context.
template <class Atomics = std_atomics>
class basic_doorbell {
 public:
  /// True: the caller posts the bell. False: one is on its way.   Thread: any.
  [[nodiscard]] bool ring() noexcept { return !rung_.exchange(true, std::memory_order_acq_rel); }

  /// The bell's turn, inside the io_context. Its memory is free by now: the next one may use it.
  void heard() noexcept {
    heard_ = true;
    rung_.exchange(false, std::memory_order_acq_rel);
  }

  /// Runs one handler of the io_context, whose lock is held, unless a bell was taken since the last time.
  template <class RunOne>
  void wait(RunOne&& run_one) {
    if (!std::exchange(heard_, false)) run_one();
    heard_ = false;
  }

 private:
  typename Atomics::template atomic<bool> rung_{false};
  bool heard_ = false;
};

using doorbell = basic_doorbell<>;

}  // namespace gyre::detail
