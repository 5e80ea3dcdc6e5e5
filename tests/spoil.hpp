// SPDX-License-Identifier: BSL-1.0
#pragma once
// Makes a use of memory that was given back visible without a sanitizer.
#include <gyre/core/frame_pool.hpp>

#include <cstddef>
#include <vector>

namespace gyre_test {

/// Fills the pool's memory that was given back on this thread: whoever uses it after that finds nonsense there.
inline void spoil_free_memory() {
  constexpr std::size_t step = 16;
  constexpr std::size_t cells = 32;
  std::vector<gyre::detail::pooled_vector<unsigned char>> filled;
  for (std::size_t bytes = step; bytes <= gyre::detail::largest_stable_cell; bytes += step) {
    for (std::size_t i = 0; i < cells; ++i) filled.emplace_back(bytes, static_cast<unsigned char>(0xf1));
  }
}

}  // namespace gyre_test
