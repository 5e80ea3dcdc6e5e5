// SPDX-License-Identifier: BSL-1.0
#pragma once
// Memory of coroutine frames, task records and join blocks, by size class.  Layer: core.  Bodies: lib/core/frame_pool.cpp
#include <gyre/core/current.hpp>
#include <gyre/core/free_cells.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gyre::detail {

/// What a cell is used for. Cells of `stable` memory only ever become stable cells again, so that a reader who kept a
/// stale pointer still finds an object of the same kind there and can revalidate (join blocks, see core/join.hpp).
enum class cell_use : unsigned char { frame, stable };

inline constexpr std::size_t stable_prefix_bytes = 16;
inline constexpr std::size_t largest_cell = 2048;
inline constexpr std::size_t largest_stable_cell = largest_cell - stable_prefix_bytes;

/// The free cells of one thread, by use and size class.
class cell_cache {
 public:
  using list = basic_cell_list<>;
  static constexpr std::size_t granule = 32;
  static constexpr std::size_t classes = largest_cell / granule;
  static constexpr std::size_t uses = 2;

  /// Empty for ever: every access takes the slow way.
  constexpr cell_cache() noexcept = default;
  /// Each list with the bound of its class.
  constexpr explicit cell_cache(const std::array<std::int32_t, classes>& bounds) noexcept {
    for (auto& of_use : lists_) {
      for (std::size_t c = 0; c < classes; ++c) of_use[c] = list(bounds[c]);
    }
  }

  [[nodiscard]] static constexpr std::size_t class_of(std::size_t size, cell_use use) noexcept {
    return (size + (use == cell_use::stable ? stable_prefix_bytes : 0) - 1) / granule;
  }
  [[nodiscard]] list& of(cell_use use, std::size_t size_class) noexcept {
    return lists_[static_cast<std::size_t>(use)][size_class];
  }

 private:
  std::array<std::array<list, classes>, uses> lists_{};
};

/// What a thread has until it first takes or gives a cell, and always where frames bypass the pool.
extern constinit cell_cache no_cells;

[[nodiscard]] GYRE_NOINLINE void* pool_allocate_slow(std::size_t size, cell_use use);
void pool_deallocate_slow(void* memory, std::size_t size, cell_use use) noexcept;

template <calls = rare_calls>
GYRE_RARELY_CALLED void pool_deallocate_rare(void* memory, std::size_t size, cell_use use) noexcept {
  pool_deallocate_slow(memory, size, use);
}

/// Takes memory for `size` bytes, aligned for any standard type. Throws std::bad_alloc.
///
/// Thread:  any. Memory taken on one thread may be given back on another.
/// Shape:   at most largest_stable_cell bytes of stable memory; frames of any size.
/// Cost:    a thread-local list; nothing calls malloc in the steady state. Frames above 2 KiB come from operator new.
[[nodiscard]] inline void* pool_allocate(std::size_t size, cell_use use = cell_use::frame) {
  if (const std::size_t c = cell_cache::class_of(size, use); c < cell_cache::classes) [[likely]] {
    cell_cache::list& mine = this_thread_cells().of(use, c);
    if (!mine.empty()) [[likely]]
      return mine.pop();
  }
  return pool_allocate_slow(size, use);
}

/// The same if the cell that the thread has at hand is one that `fits`; else null.
template <class F>
[[nodiscard]] inline void* pool_take_if(std::size_t size, cell_use use, F fits) noexcept {
  cell_cache::list& mine = this_thread_cells().of(use, cell_cache::class_of(size, use));
  if (mine.empty() || !fits(mine.top())) [[unlikely]]
    return nullptr;
  return mine.pop();
}

/// Gives memory of `size` bytes back.
///
/// Cost:    a thread-local list; a list that grows past its bound hands half of it to the other threads.
inline void pool_deallocate(void* memory, std::size_t size, cell_use use = cell_use::frame) noexcept {
  if (const std::size_t c = cell_cache::class_of(size, use); c < cell_cache::classes) [[likely]] {
    cell_cache::list& mine = this_thread_cells().of(use, c);
    if (!mine.full()) [[likely]]
      return mine.push(static_cast<basic_free_cell<>*>(memory));
  }
  pool_deallocate_rare<>(memory, size, use);
}

/// The word in front of a stable cell. It is zero when the memory is new and belongs to the cell's users for ever: neither
/// the pool nor a constructor resets it.
[[nodiscard]] inline std::atomic<std::uint32_t>& stable_prefix(void* cell) noexcept {
  return *reinterpret_cast<std::atomic<std::uint32_t>*>(static_cast<char*>(cell) - stable_prefix_bytes);
}

/// The next word, for the users as well; null when the memory is new. What the object is that the last user left complete.
[[nodiscard]] inline const void*& stable_content(void* cell) noexcept {
  return *reinterpret_cast<const void**>(static_cast<char*>(cell) - stable_prefix_bytes + 8);
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
