// SPDX-License-Identifier: BSL-1.0
#pragma once
// Free memory cells on their way between threads, over the types of lock and variable, so that the model checker runs the
// same steps (tests/model).  Layer: core.
#include <gyre/base/policy.hpp>

#include <cstdint>
#include <mutex>
#include <utility>

namespace gyre::detail {

/// The links of a free cell are its first two words; what must survive in a stable cell lies in front of it.
template <class Policy = std_policy>
struct basic_free_cell {
  typename Policy::template var<basic_free_cell*> next;
  typename Policy::template var<basic_free_cell*> next_batch;
};

/// Chains of cells that threads give away whole and take whole. A cell is written by one who owns it, that is, until the
/// chain is given and from when it was taken: the lock orders the two.
template <class Policy = std_policy>
class basic_cell_batches {
 public:
  using cell = basic_free_cell<Policy>;

  void give(cell* first) noexcept {
    const std::lock_guard hold(guard_);
    first->next_batch = batches_;
    batches_ = first;
  }
  /// Null if there is none.
  [[nodiscard]] cell* take() noexcept {
    const std::lock_guard hold(guard_);
    cell* first = batches_;
    if (first != nullptr) batches_ = first->next_batch;
    return first;
  }

 private:
  typename Policy::lock guard_;
  typename Policy::template var<cell*> batches_{nullptr};
};

/// The free cells of one thread, newest first.
template <class Policy = std_policy>
class basic_cell_list {
 public:
  using cell = basic_free_cell<Policy>;

  /// Takes no cells, ever.
  constexpr basic_cell_list() noexcept = default;
  /// Holds at most `bound` cells, apart from a longer chain that it has adopted.
  constexpr explicit basic_cell_list(std::int32_t bound) noexcept : room_(bound), bound_(bound) {}

  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  [[nodiscard]] bool full() const noexcept { return room_ <= 0; }
  [[nodiscard]] std::int32_t count() const noexcept { return bound_ - room_; }

  /// Shape:   not empty.
  [[nodiscard]] cell* top() const noexcept { return head_; }
  /// Shape:   not empty.
  [[nodiscard]] cell* pop() noexcept {
    cell* taken = head_;
    head_ = taken->next;
    ++room_;
    return taken;
  }
  /// Shape:   not full.
  void push(cell* c) noexcept {
    c->next = head_;
    head_ = c;
    --room_;
  }
  /// A chain becomes the list, which is empty.
  void adopt(cell* chain) noexcept {
    head_ = chain;
    for (room_ = bound_; chain != nullptr; chain = chain->next) --room_;
  }
  /// Takes the newer half off.   Shape: at least two.
  [[nodiscard]] cell* cut_half() noexcept {
    cell* const chain = head_;
    cell* last = chain;
    const std::int32_t half = count() / 2;
    for (std::int32_t i = 1; i < half; ++i) last = last->next;
    head_ = last->next;
    room_ += half;
    last->next = nullptr;
    return chain;
  }
  /// Takes all.
  [[nodiscard]] cell* cut_all() noexcept {
    room_ = bound_;
    return std::exchange(head_, nullptr);
  }

 private:
  cell* head_ = nullptr;
  std::int32_t room_ = 0;  // how many more may come
  std::int32_t bound_ = 0;
};

}  // namespace gyre::detail
