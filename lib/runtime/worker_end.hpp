// SPDX-License-Identifier: BSL-1.0
#pragma once
// How a runtime's loop is run until the runtime ends.  Layer: runtime.   Model: tests/model/watch_role_model.cpp
#include <gyre/base/atomics.hpp>

namespace gyre::detail {

/// event_loop::stop() ends one run of its loop. A worker's loop belongs to the runtime: it goes on.
///
///   worker                                    whoever ends the runtime
///   R1 stop_requested -> false, exchange      E1 ending_ = true
///   R2 ending_: true -> end                   E2 stop_requested = true, rings
///
/// Proof: all are seq_cst. If R2 reads false it comes before E1 in the single order, so R1 comes before E2, and the run that
///        follows ends by E2. R1 is an exchange so that no machine lets it take effect after R2, and hide an E2 in between.
template <class Atomics = std_atomics>
class basic_worker_end {
 public:
  template <class Loop>
  void run_until_then(Loop& l) {
    for (;;) {
      l.stop_requested.exchange(false, std::memory_order_seq_cst);  // R1
      if (ending_.load(std::memory_order_seq_cst)) break;           // R2
      l.run();
    }
  }
  void announce() noexcept { ending_.store(true, std::memory_order_seq_cst); }  // E1; E2 follows

 private:
  typename Atomics::template atomic<bool> ending_{false};
};

}  // namespace gyre::detail
