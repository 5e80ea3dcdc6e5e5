// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/membarrier.hpp>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gyre::detail {
namespace {

bool register_process() noexcept {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

}  // namespace

const bool membarrier_works = register_process();

void heavy_barrier() noexcept {
  if (!membarrier_works || ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) {
    // Both sides then use locked instructions on x86, which order store and load by themselves.
    std::atomic<int> local{0};
    local.exchange(1, std::memory_order_seq_cst);
  }
}

}  // namespace gyre::detail
