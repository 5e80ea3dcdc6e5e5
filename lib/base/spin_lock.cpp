// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/relax.hpp>
#include <gyre/base/spin_lock.hpp>

namespace gyre::detail {

void spin_lock::wait() noexcept {
  backoff pause;
  do {
    while (held_.load(std::memory_order_relaxed)) pause.once();
  } while (held_.exchange(true, std::memory_order_acquire));
}

}  // namespace gyre::detail
