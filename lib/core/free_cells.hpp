// SPDX-License-Identifier: BSL-1.0
#pragma once
// Free memory cells on their way between threads, over the types of lock and variable, so that the model checker runs the
// same steps (tests/model).  Layer: core.
#include <gyre/base/policy.hpp>

#include <cstddef>
#include <mutex>

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
struct basic_cell_list {
  using cell = basic_free_cell<Policy>;

  cell* head = nullptr;
  std::size_t count = 0;

  /// Shape:   not empty.
  [[nodiscard]] cell* pop() noexcept {
    cell* taken = head;
    head = taken->next;
    --count;
    return taken;
  }
  void push(cell* c) noexcept {
    c->next = head;
    head = c;
    ++count;
  }
  /// A chain becomes the list, which is empty.
  void adopt(cell* chain) noexcept {
    head = chain;
    count = 0;
    for (; chain != nullptr; chain = chain->next) ++count;
  }
  /// Takes the newer half off.   Shape: at least two.
  [[nodiscard]] cell* cut_half() noexcept {
    cell* const chain = head;
    cell* last = chain;
    const std::size_t half = count / 2;
    for (std::size_t i = 1; i < half; ++i) last = last->next;
    head = last->next;
    count -= half;
    last->next = nullptr;
    return chain;
  }
};

}  // namespace gyre::detail
