// SPDX-License-Identifier: BSL-1.0
#include "parking.hpp"

#include <gyre/base/assert.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace gyre::detail {

void parking::publish() noexcept {
  GYRE_ASSERT(sleeping_ <= workers_ && searching_ <= workers_ - sleeping_, "the counts of idle workers do not add up");
  word_.store(sleeping_ | searching_ * idle_bits::one_searching | (workers_ - sleeping_) * idle_bits::one_unparked,
              std::memory_order_seq_cst);
}

bool parking::sleep(loop_core& l) noexcept {
  bool others = false;
  {
    const std::lock_guard hold(lock_);
    if (std::exchange(l.searching, false)) --searching_;
    sleepers_[sleeping_++] = &l;
    publish();  // P1
    others = sleeping_ < workers_;
  }
  heavy_barrier();  // P2
  return others;
}

bool parking::awake(loop_core& l) noexcept {
  const std::lock_guard hold(lock_);
  const auto end = sleepers_.begin() + sleeping_;
  const auto found = std::find(sleepers_.begin(), end, &l);
  if (found == end) return false;  // taken by a waker, who counted
  const bool none_was = sleeping_ == workers_;
  std::copy(found + 1, end, found);
  --sleeping_;
  publish();
  return none_was;
}

loop_core* parking::take_sleeper() noexcept {
  const std::lock_guard hold(lock_);
  if (sleeping_ == 0 || searching_ != 0) return nullptr;
  loop_core* l = sleepers_[--sleeping_];
  l->searching = true;
  ++searching_;
  publish();
  return l;
}

bool parking::found_work(loop_core& l) noexcept {
  const std::lock_guard hold(lock_);
  if (!std::exchange(l.searching, false)) return false;
  --searching_;
  publish();
  return searching_ == 0;
}

loop_core* parking::any_sleeper() noexcept {
  const std::lock_guard hold(lock_);
  return sleeping_ == 0 ? nullptr : sleepers_[sleeping_ - 1];
}

}  // namespace gyre::detail
