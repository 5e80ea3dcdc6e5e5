// SPDX-License-Identifier: BSL-1.0
#pragma once
// The head of a fork-join's block, and how an outsider may look at a block that is about to go.
// Layer: core.  Bodies: lib/core/join.cpp
#include <gyre/base/intrusive_list.hpp>
#include <gyre/base/membarrier.hpp>
#include <gyre/core/frame_pool.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace gyre::detail {

class task_core;
struct result_base;
struct orphan_tag {};

/// What core knows of a gather that runs as a fork-join: enough to cancel and to list its children. It lives in stable
/// pool memory (see frame_pool.hpp): a stale pointer still points to a join_head, maybe of another gather.
///
///   pins_   count of outsiders that hold the block (handles of children, cancellers) and the bit `left`.
///           parent leaving                          outsider pinning
///           L1 parent.join = null                   P1 pins_ += 1, seq_cst
///           L2 pins_ == 0: free                     P2 membarrier
///           L3 else pins_ |= left;                  P3 parent.join is still this block: it is held
///              was 0: free                          P4 else unpin
///   Proof:  P2 orders L1/L2 against P1/P3 without a barrier on the parent's side: if L2 missed P1, the barrier came after
///           L2, hence after L1, and P3 sees that. The count survives recycling because the memory is stable and nobody
///           ever resets it.
class join_head : public list_link<orphan_tag> {
 public:
  /// What depends on the results' types.
  struct operations {
    void (*free_block)(join_head&) noexcept;
    void (*abandon)(join_head&) noexcept;
    result_base& (*slot)(join_head&, std::uint32_t child);
    void (*append_result)(const join_head&, std::uint32_t child, std::string& out);
  };
  explicit join_head(const operations& ops) noexcept : ops_(&ops) {}

  /// The parent, or the last child of a failed gather, has done with the block.
  void leave() noexcept {
    light_barrier();                                                  // between L1, by the caller, and L2
    if (pins().load(std::memory_order_acquire) == 0) [[likely]] {     // L2, after the last unpin()
      ops_->free_block(*this);
    } else {
      leave_pinned();
    }
  }

  /// Holds the block if it is still what `slot` points to; null otherwise.
  [[nodiscard]] static join_head* pin(const std::atomic<join_head*>& slot) noexcept;
  /// Holds a block that the caller knows to be alive.
  void pin_alive() noexcept { pins().fetch_add(1, std::memory_order_relaxed); }
  void unpin() noexcept;

  /// The children, as an array of `stride` bytes each; written before the block is published.
  task_core& child(std::uint32_t i) noexcept {
    return *reinterpret_cast<task_core*>(reinterpret_cast<char*>(children_) + i * stride_);
  }
  [[nodiscard]] std::uint32_t child_count() const noexcept { return count_; }

  /// Its loop closes: destroys the children that have not ended, and leaves the block. They must not be running.
  void abandon() noexcept { ops_->abandon(*this); }

  [[nodiscard]] result_base& slot(std::uint32_t i) { return ops_->slot(*this, i); }
  void append_result(std::uint32_t i, std::string& out) const { ops_->append_result(*this, i, out); }

  // The gather itself was cancelled: it ends with that, unless a child fails. A canceller that finds no child to cancel
  // takes the mark back, if the parent has not taken it before: whoever clears it has the request.
  std::atomic<bool> cancel_requested{false};

 protected:
  void set_children(task_core* first, std::uint32_t stride, std::uint32_t count) noexcept {
    children_ = first;
    stride_ = stride;
    count_ = count;
  }

 private:
  static constexpr std::uint32_t left = 1U << 31;

  void leave_pinned() noexcept;
  void free_if_last() noexcept;

  // In the prefix of the stable cell, which no constructor touches.
  [[nodiscard]] std::atomic<std::uint32_t>& pins() noexcept { return stable_prefix(this); }

  const operations* ops_;
  task_core* children_ = nullptr;
  std::uint32_t stride_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace gyre::detail
