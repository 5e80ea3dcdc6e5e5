// SPDX-License-Identifier: BSL-1.0
#pragma once
// How a fork-join's block is held by outsiders while its parent goes, and how a cancel request meets the parent's end.
// Layer: core.
#include <gyre/base/config.hpp>
#include <gyre/base/policy.hpp>

#include <cstdint>
#include <utility>

namespace gyre::detail {

/// Block derives from this. It lives in stable memory (see frame_pool.hpp): a stale pointer still points to a Block, maybe
/// of another gather. It offers pins(), a counter that survives recycling, and free_now().
///
///   pins()  count of outsiders that hold the block (handles of children, cancellers); the bit `left`; the bit `touched`:
///           somebody else has held the block, or its user says that it is no longer as it was made.
///           parent going on                         outsider pinning
///           L1 parent.join = null                   P1 pins_ += 1, acquire
///           light barrier                           P2 membarrier
///           L2 pins_ == 0: the block is quiet       P3 parent.join is still this block: held, pins_ |= touched
///           L3 else pins_ |= left;                  P4 else unpin
///              nobody holds it: free
///   Proof:  P2 orders L1/L2 against P1/P3 without a barrier on the parent's side: if L2 missed P1, the barrier came after
///           L2, hence after L1, and P3 sees that. So of a quiet block nobody has held the gather that ends: nothing was
///           asked of it, its children are as they ended, and the parent may use it again as it is. The count survives
///           recycling because the memory is stable and nobody ever resets it; the bits are cleared by who frees.
///
///   cancel_requests_  the gather itself was cancelled: it ends with that, unless a child fails. A canceller that finds no
///           child to cancel takes one back, if the parent has not taken them all before: whoever counts it down has it.
///           A parent that resumes because a child has failed, with an error of its own, leaves them: they belong to who
///           is at its children, and he alone knows whether one has accepted.
///           The steps C1 to J2 are those of pass_to_children() in lib/core/task_protocol.hpp. C2 and J2 publish what the
///           canceller has done.
template <class Block, class Policy = std_policy>
class basic_join {
 public:
  using place = typename Policy::template atomic<Block*>;  ///< where a parent shows the block that it waits for

  /// The block is not used again as it is.
  void touch() noexcept {
    if ((self().pins().load(std::memory_order_relaxed) & touched) != 0) return;
    // Published by what follows: unpin(), or the end of the child.
    self().pins().fetch_or(touched, std::memory_order_relaxed);
  }
  /// The parent is about to wait: a cancel request that it does not see from now on sees the block.
  void open(place& join) noexcept {
    join.store(&self(), std::memory_order_release);
    Policy::light_barrier();  // between `join` and the look at the word: a canceller does these in the other order
  }
  /// The parent goes on. True if the block is quiet: it is the caller's, and may be opened again as it is. Else the parent
  /// calls take_requests(), and leave().
  [[nodiscard]] bool close(place& join) noexcept {
    join.store(nullptr, std::memory_order_relaxed);  // L1, and J1
    Policy::light_barrier();
    return self().pins().load(std::memory_order_acquire) == 0;  // L2, after the last unpin()
  }
  /// After close(): true if a cancel request was meant for the gather. The parent has it now.
  [[nodiscard]] bool take_requests() noexcept {
    return cancel_requests_.load(std::memory_order_relaxed) != 0 &&
           cancel_requests_.exchange(0, std::memory_order_acquire) != 0;  // J2
  }
  /// The same when a child has failed. `cancelled`: its error stands for the request, if there is one. True if there was one,
  /// which has ended the gather.
  bool close_after_failure(place& join, bool cancelled) noexcept {
    hide(join);  // J1
    return cancelled && take_requests();
  }

  /// The same without an end: the parent is destroyed. leave() follows: P1 comes before L3, which counts it, or after, and then
  /// P3 sees this, by the read-modify-writes of pins(). A canceller may be looking.
  void hide(place& join) noexcept {
    join.store(nullptr, std::memory_order_relaxed);  // L1
  }

  void ask() noexcept { cancel_requests_.fetch_add(1, std::memory_order_release); }  // C2
  [[nodiscard]] bool take_request() noexcept {                                       // C4
    std::uint32_t seen = cancel_requests_.load(std::memory_order_relaxed);
    while (seen != 0 && !cancel_requests_.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed,
                                                                std::memory_order_relaxed)) {
    }
    return seen != 0;
  }

  /// The parent, or the last child of a failed gather, has done with the block, which is not quiet; L1 went before.
  void leave() noexcept {
    if ((self().pins().fetch_or(left, std::memory_order_acq_rel) & ~touched) == 0) free_if_last();  // L3
  }

  /// Holds the block that `join` shows; null if it shows none.
  [[nodiscard]] static Block* pin(const place& join) noexcept {
    Block* block = join.load(std::memory_order_acquire);  // pairs with open(): the block's memory may be new
    while (block != nullptr) {
      block->pins().fetch_add(1, std::memory_order_acquire);  // P1, pairs with L3: see hide()
      Policy::heavy_barrier();                                // P2
      Block* again = join.load(std::memory_order_acquire);
      if (again == block) {  // P3
        block->touch();
        return block;
      }
      block->unpin();  // P4
      block = again;
    }
    return nullptr;
  }
  /// Holds a block that the caller knows to be alive.
  void pin_alive() noexcept {
    self().pins().fetch_add(1, std::memory_order_relaxed);
    touch();
  }
  GYRE_NOINLINE void unpin() noexcept {
    if ((self().pins().fetch_sub(1, std::memory_order_acq_rel) & ~touched) == (left | 1U)) free_if_last();
  }

 private:
  static constexpr std::uint32_t left = 1U << 31;
  static constexpr std::uint32_t touched = 1U << 30;

  [[nodiscard]] Block& self() noexcept { return static_cast<Block&>(*this); }

  // Nobody holds the block and its parent has left. A stranger with a stale pointer may come in between: then it is its
  // unpin() that gets here again. Whoever clears `left` frees, and only one can.
  void free_if_last() noexcept {
    std::uint32_t seen = self().pins().load(std::memory_order_relaxed);
    while ((seen & ~touched) == left) {
      if (self().pins().compare_exchange_weak(seen, 0, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        self().free_now();
        return;
      }
    }
  }

  typename Policy::template atomic<std::uint32_t> cancel_requests_{0};
};

/// Holds a block that a parent shows in `join`, for as long as it lives.
template <class Block>
class pinned_join {
 public:
  pinned_join() noexcept = default;
  explicit pinned_join(const typename Block::place& join) noexcept : block_(Block::pin(join)) {}
  pinned_join(pinned_join&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  pinned_join& operator=(pinned_join&& other) noexcept {
    pinned_join(std::move(other)).swap(*this);
    return *this;
  }
  ~pinned_join() {
    if (block_ != nullptr) block_->unpin();
  }

  void swap(pinned_join& other) noexcept { std::swap(block_, other.block_); }
  Block& operator*() const noexcept { return *block_; }
  Block* operator->() const noexcept { return block_; }
  explicit operator bool() const noexcept { return block_ != nullptr; }
  friend bool operator==(const pinned_join& a, const pinned_join& b) noexcept { return a.block_ == b.block_; }

 private:
  Block* block_ = nullptr;
};

}  // namespace gyre::detail
