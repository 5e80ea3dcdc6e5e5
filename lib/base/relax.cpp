// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/relax.hpp>
#include <sched.h>

namespace gyre::detail {
namespace {

constexpr int longest = 6;   // 64 pauses, about 1 us
constexpr int patience = 9;  // rounds, about 4 us

}  // namespace

// Each look takes the cache line away from the thread that is to change it: so the looks become rarer.
void backoff::once() noexcept {
  if (rounds_ == patience) {
    sched_yield();
    return;
  }
#if defined(__x86_64__) || defined(__i386__)
  for (int i = 1 << (rounds_ < longest ? rounds_ : longest); i > 0; --i) __builtin_ia32_pause();
#endif
  ++rounds_;
}

}  // namespace gyre::detail
