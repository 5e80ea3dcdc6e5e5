// SPDX-License-Identifier: BSL-1.0
// A loop that looks around before it falls asleep: else the next one to queue something here makes a system call, and waits
// tens of microseconds until this thread runs.
#include "loop_core.hpp"

#include <algorithm>
#include <utility>

namespace gyre::detail {

void loop_core::run() {
  if (setup_.driver != nullptr) {
    setup_.driver->drive(*this);
    return;
  }
  for (;;) {
    const bool worked = turn();
    if (sleep_mark::raised(stop_requested)) break;
    const std::int64_t window = setup_.spin_before_park;
    if (window != 0) {
      spinning_.after_turn(worked, std::exchange(was_sent_, false), window, [this] { return now(); });
    }
    if (!worked && !spin()) park();
  }
  if (is_forked()) end_forked_child();
}

// One of those that spin counts as a searcher, so that nobody is woken for what it will find, and looks at the others' queues:
// each look takes a cache line from a loop that works.
bool loop_core::spin() {
  if (!spinning_.pays()) return false;
  const std::int64_t window = setup_.spin_before_park;
  const std::int64_t end = std::min(deadline_after(now(), window), park_deadline());
  constexpr int io_each = 8;  // looks: each is a system call
  int looks = 0;
  const bool searches = setup_.peers != nullptr && setup_.peers->begin_search(*this);
  return spinning_.spin(
      end, window, [this] { return now(); },
      [&] {
        return !nothing_came_in() || (searches && setup_.peers->anything_to_steal()) ||
               (++looks % io_each == 0 && sleeper_->has_io() && sleeper_->poll());
      });
}

}  // namespace gyre::detail
