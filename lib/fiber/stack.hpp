// SPDX-License-Identifier: BSL-1.0
#pragma once
// Stacks of fibers: mapped with a guard page below, kept for the next fiber.  Layer: fiber.
#include "switch.hpp"

#include <gyre/base/intrusive_list.hpp>
#include <gyre/fiber/fiber.hpp>

#include <cstddef>

namespace gyre::detail {

/// The head of a stack, at its upper end: an overflow runs into the guard page and ends the process, away from here.
///
///   guard page | usable, `size()` bytes, used from the top down | this object
///
/// Thread:  take() and give() any; a stack that was taken is its fiber's.
class fiber_stack : public list_link<> {
 public:
  /// Shape:   `bytes` comes from usable_stack_size().   Throws: std::bad_alloc.
  [[nodiscard]] static fiber_stack& take(std::size_t bytes);
  /// Its fiber has ended.
  static void give(fiber_stack& stack) noexcept;
  /// Its fiber will never end: the memory stays as it is, for whoever points into it.
  static void leave_behind(fiber_stack& stack) noexcept;

  [[nodiscard]] static fiber_counts count();

  [[nodiscard]] std::byte* low() noexcept { return reinterpret_cast<std::byte*>(this) - usable_; }
  [[nodiscard]] std::size_t usable() const noexcept { return usable_; }

  stack_switch control;

 private:
  friend class stack_pool;
  explicit fiber_stack(std::size_t mapped, std::size_t usable) noexcept : mapped_(mapped), usable_(usable) {}

  std::size_t mapped_;  // without the guard page: a power of two
  std::size_t usable_;
  fiber_stack* next_free_ = nullptr;
};

}  // namespace gyre::detail
