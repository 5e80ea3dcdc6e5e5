// SPDX-License-Identifier: BSL-1.0
#pragma once
// An asymmetric barrier: the frequent side pays nothing, the rare side a system call.  Layer: base.
// Bodies: lib/base/membarrier.cpp.   Source: membarrier(2), PRIVATE_EXPEDITED (0.3 us a call).
#include <atomic>

namespace gyre::detail {

/// True once the kernel has registered this process; decided before main() and never changed.
extern const bool membarrier_works;

/// The rare side: every other thread of the process passes a full barrier before this returns.
void heavy_barrier() noexcept;

/// The frequent side: between a store and a later load that the rare side must not see in the other order. Only the
/// compiler is held back where heavy_barrier() does the rest; a locked instruction where the kernel refuses.
inline void light_barrier() noexcept {
  if (membarrier_works) [[likely]] {
    asm volatile("" ::: "memory");
  } else {
    std::atomic<int> local{0};
    local.exchange(1, std::memory_order_seq_cst);
  }
}

/// For code that is reached only where it does: the light barriers that follow are not asked again.
[[gnu::always_inline]] inline void assume_membarrier_works() noexcept {
  if (!membarrier_works) __builtin_unreachable();
}

}  // namespace gyre::detail
