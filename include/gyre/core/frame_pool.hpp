// SPDX-License-Identifier: BSL-1.0
#pragma once
// Memory of coroutine frames, task records and join blocks, by size class.  Layer: core.  Bodies: lib/core/frame_pool.cpp
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gyre::detail {

/// What a cell is used for. Cells of `stable` memory only ever become stable cells again, so that a reader who kept a
/// stale pointer still finds an object of the same kind there and can revalidate (join blocks, see core/join.hpp).
enum class cell_use : unsigned char { frame, stable };

inline constexpr std::size_t stable_prefix_bytes = 16;
inline constexpr std::size_t largest_stable_cell = 2048 - stable_prefix_bytes;

/// Takes memory for `size` bytes, aligned for any standard type. Throws std::bad_alloc.
///
/// Thread:  any. Memory taken on one thread may be given back on another.
/// Shape:   at most largest_stable_cell bytes of stable memory; frames of any size.
/// Cost:    a thread-local list; nothing calls malloc in the steady state. Frames above 2 KiB come from operator new.
[[nodiscard]] void* pool_allocate(std::size_t size, cell_use use = cell_use::frame);

/// Gives memory of `size` bytes back.
///
/// Cost:    a thread-local list; a list that grows past its bound hands half of it to the other threads.
void pool_deallocate(void* memory, std::size_t size, cell_use use = cell_use::frame) noexcept;

/// The word in front of a stable cell. It is zero when the memory is new and belongs to the cell's users for ever: neither
/// the pool nor a constructor resets it.
[[nodiscard]] inline std::atomic<std::uint32_t>& stable_prefix(void* cell) noexcept {
  return *reinterpret_cast<std::atomic<std::uint32_t>*>(static_cast<char*>(cell) - stable_prefix_bytes);
}

/// Base of classes whose objects live in the pool.
struct pooled {
  static void* operator new(std::size_t size) { return pool_allocate(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { pool_deallocate(memory, size); }
};

/// The pool as an allocator, for what is short-lived or grows with every call: handlers, lists of children.
template <class T>
class pool_allocator {
 public:
  using value_type = T;
  pool_allocator() noexcept = default;
  template <class U>
  pool_allocator(const pool_allocator<U>&) noexcept {}
  [[nodiscard]] T* allocate(std::size_t n) { return static_cast<T*>(pool_allocate(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) noexcept { pool_deallocate(p, n * sizeof(T)); }
  template <class U>
  friend bool operator==(const pool_allocator&, const pool_allocator<U>&) noexcept {
    return true;
  }
};

template <class T>
using pooled_vector = std::vector<T, pool_allocator<T>>;

}  // namespace gyre::detail
