// SPDX-License-Identifier: BSL-1.0
#pragma once
// What loop_local objects keep on one loop.  Layer: loop.  Bodies: lib/loop/loop_local.cpp
#include <gyre/loop/loop_local.hpp>

#include <cstdint>
#include <vector>

namespace gyre::detail {

/// Thread:  the one that runs the loop, or that ends it.
class local_table {
 public:
  local_table() = default;
  local_table(const local_table&) = delete;
  local_table& operator=(const local_table&) = delete;
  ~local_table() { clear(); }

  [[nodiscard]] void* find(const local_key& which) const noexcept {
    const std::uint32_t place = which.place();
    return place < entries_.size() && entries_[place].key == which.key() ? entries_[place].object : nullptr;
  }
  /// Throws: std::bad_alloc; then nothing was kept.
  void keep(const local_key& which, void* object, local_destroyer destroy);
  /// Destroys the objects, the last one first; also those that their destructors make.
  void clear() noexcept;

 private:
  struct entry {
    std::uint64_t key = 0;  // 0: none
    void* object = nullptr;
    local_destroyer destroy = nullptr;
    std::uint64_t age = 0;
  };
  static void end(entry& e) noexcept;

  std::vector<entry> entries_;
  std::uint64_t made_ = 0;
};

}  // namespace gyre::detail
