// SPDX-License-Identifier: BSL-1.0
#pragma once
// How many share an object.  Layer: base.   Model: tests/model/lifetime_model.cpp
#include <gyre/base/atomics.hpp>

#include <cstdint>

namespace gyre::detail {

/// Starts with one, or with as many as are handed out at once.
template <class Atomics = std_atomics>
class basic_ref_count {
 public:
  explicit basic_ref_count(std::uint32_t references = 1) noexcept : count_(references) {}

  /// The caller has a reference already: nothing needs ordering.
  void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }

  /// True for the last: what the others did with the object before they let go happens before. The only one who holds a
  /// reference is the only one who could make another: no need to count down then.
  [[nodiscard]] bool drop() noexcept { return is_sole() || count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  /// Whether the caller's reference is the only one. What the others did happens before then.
  [[nodiscard]] bool is_sole() const noexcept { return count_.load(std::memory_order_acquire) == 1; }

  /// The last one, which was dropped, is there again.
  void revive() noexcept { count_.store(1, std::memory_order_relaxed); }

 private:
  typename Atomics::template atomic<std::uint32_t> count_;
};

using ref_count = basic_ref_count<>;

}  // namespace gyre::detail
