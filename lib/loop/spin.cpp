// SPDX-License-Identifier: BSL-1.0
// A loop that looks around before it falls asleep: else the next one to queue something here makes a system call, and waits
// tens of microseconds until this thread runs.
#include "loop_core.hpp"

#include <sched.h>

#include <algorithm>

namespace gyre::detail {

// The core is given away between two looks: the one that there will be something from may need it.
bool loop_core::spin() {
  constexpr int peers_each = 8;  // looks: one at another worker's queues takes their cache lines from it
  if (!spinning_.pays()) return false;
  const std::int64_t end = std::min(now() + setup_.spin_before_park, park_deadline());
  for (int look = 1; now() < end; ++look) {
    ::sched_yield();
    if (!nothing_came_in()) return true;
    if (sleeper_->has_io() && sleeper_->poll()) return true;
    if (setup_.peers != nullptr && look % peers_each == 0 && setup_.peers->anything_to_steal()) return true;
  }
  spinning_.lost();
  return false;
}

}  // namespace gyre::detail
