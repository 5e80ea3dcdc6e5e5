// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the lock-free structures are built from. The model checker instantiates the same templates over atomics and barriers
// of its own (tests/model).  Layer: base.
#include <gyre/base/membarrier.hpp>

#include <atomic>

namespace gyre::detail {

struct std_atomics {
  template <class T>
  using atomic = std::atomic<T>;

  static void heavy_barrier() noexcept { detail::heavy_barrier(); }
  static void light_barrier() noexcept { detail::light_barrier(); }
};

}  // namespace gyre::detail
