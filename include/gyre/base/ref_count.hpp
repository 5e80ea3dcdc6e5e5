// SPDX-License-Identifier: BSL-1.0
#pragma once
// How many share an object.  Layer: base.   Model: tests/model/lifetime_model.cpp
#include <gyre/base/atomics.hpp>

#include <cstdint>

namespace gyre::detail {

/// Starts with one.
template <class Atomics = std_atomics>
class basic_ref_count {
 public:
  /// The caller has a reference already: nothing needs ordering.
  void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }

  /// True for the last: what the others did with the object before they let go happens before.
  [[nodiscard]] bool drop() noexcept { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

 private:
  typename Atomics::template atomic<std::uint32_t> count_{1};
};

using ref_count = basic_ref_count<>;

}  // namespace gyre::detail
