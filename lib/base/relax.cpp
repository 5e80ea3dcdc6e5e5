// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/relax.hpp>
#include <sched.h>

namespace gyre::detail {

void backoff::once() noexcept {
  if (rounds_ < 64) {
    ++rounds_;
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
    return;
  }
  sched_yield();
}

}  // namespace gyre::detail
