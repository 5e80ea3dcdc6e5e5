// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/join.hpp>

namespace gyre::detail {

join_head* join_head::pin(const std::atomic<join_head*>& slot) noexcept {
  join_head* block = slot.load(std::memory_order_acquire);
  while (block != nullptr) {
    block->pins().fetch_add(1, std::memory_order_seq_cst);  // P1
    heavy_barrier();                                        // P2
    join_head* again = slot.load(std::memory_order_acquire);
    if (again == block) return block;                       // P3
    block->unpin();                                         // P4
    block = again;
  }
  return nullptr;
}

void join_head::leave_pinned() noexcept {
  if (pins().fetch_or(left, std::memory_order_acq_rel) == 0) free_if_last();  // L3
}

void join_head::unpin() noexcept {
  if (pins().fetch_sub(1, std::memory_order_acq_rel) == (left | 1U)) free_if_last();
}

// Nobody holds the block and its parent has left. A stranger with a stale pointer may come in between: then the exchange
// fails, and the stranger's unpin() gets here again. Whoever clears `left` frees, and only one can.
void join_head::free_if_last() noexcept {
  std::uint32_t expected = left;
  if (pins().compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) ops_->free_block(*this);
}

}  // namespace gyre::detail
