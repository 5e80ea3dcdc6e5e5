// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/config.hpp>
#include <gyre/core/frame_pool.hpp>

#include <algorithm>
#include <array>
#include <core/free_cells.hpp>
#include <new>

// Each thread keeps a list of free cells for every size class. A list that outgrows its bound moves a batch to a central
// list, from which threads that run dry take whole batches: a frame freed on a thief's thread finds its way back without
// either side touching the other's list. Pages are never returned: they outlive the threads that made them.

namespace gyre::detail {
namespace {

constexpr std::size_t granule = 32;
constexpr std::size_t classes = 64;  // up to 2 KiB
constexpr std::size_t largest = granule * classes;
constexpr std::size_t slab_bytes = 32 * 1024;
constexpr std::size_t kinds = 2;

using free_cell = basic_free_cell<>;
using local_list = basic_cell_list<>;
using central_list = basic_cell_batches<>;

// How many free cells of one class a thread keeps: about 64 KiB, at least 16 and at most 512 cells.
constexpr std::array<std::size_t, classes> bounds = [] {
  std::array<std::size_t, classes> cells{};
  for (std::size_t c = 0; c < classes; ++c) cells[c] = std::clamp<std::size_t>(64 * 1024 / ((c + 1) * granule), 16, 512);
  return cells;
}();

struct central_store {
  std::array<std::array<central_list, classes>, kinds> lists;
};

// Never destroyed: threads give memory back until the process ends.
central_store& central() noexcept {
  alignas(central_store) static std::byte memory[sizeof(central_store)];
  static central_store* store = new (memory) central_store;
  return *store;
}

using cache = std::array<std::array<local_list, classes>, kinds>;
constinit thread_local cache local_cache{};

// Hands the cells of a thread that ends to the others.
struct cache_keeper {
  cache_keeper() noexcept = default;
  cache_keeper(const cache_keeper&) = delete;
  cache_keeper& operator=(const cache_keeper&) = delete;
  ~cache_keeper() {
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      for (std::size_t c = 0; c < classes; ++c) {
        local_list& mine = local_cache[kind][c];
        if (mine.head != nullptr) central().lists[kind][c].give(mine.head);
        mine = {};
      }
    }
  }
  void touch() noexcept {}
};
thread_local cache_keeper keeper;

GYRE_NOINLINE void* refill(std::size_t kind, std::size_t size_class) {
  keeper.touch();
  local_list& mine = local_cache[kind][size_class];
  free_cell* chain = central().lists[kind][size_class].take();
  if (chain == nullptr) {
    const std::size_t cell = (size_class + 1) * granule;
    const std::size_t prefix = kind == static_cast<std::size_t>(cell_use::stable) ? stable_prefix_bytes : 0;
    auto* slab = static_cast<std::byte*>(::operator new(slab_bytes));
    if (prefix != 0) std::fill_n(slab, slab_bytes, std::byte{0});
    for (std::size_t at = (slab_bytes / cell) * cell; at >= cell; at -= cell) {
      chain = new (slab + at - cell + prefix) free_cell{chain, nullptr};
    }
  }
  mine.adopt(chain);
  return mine.pop();
}

// Cuts the newer half off a list that reached its bound and hands it to the other threads.
GYRE_NOINLINE void overflow(std::size_t kind, std::size_t size_class) noexcept {
  keeper.touch();
  local_list& mine = local_cache[kind][size_class];
  central().lists[kind][size_class].give(mine.cut_half());
}

std::size_t class_of(std::size_t size, cell_use use) noexcept {
  return (size + (use == cell_use::stable ? stable_prefix_bytes : 0) - 1) / granule;
}

// Under ASan every frame is a heap block of its own, so that a use after the end is seen. Stable cells stay pooled.
constexpr bool bypass(std::size_t size, cell_use use) noexcept {
  return use == cell_use::frame && (size > largest || address_sanitized);
}

}  // namespace

void* pool_allocate(std::size_t size, cell_use use) {
  if (bypass(size, use)) [[unlikely]] return ::operator new(size);
  const std::size_t size_class = class_of(size, use);
  local_list& mine = local_cache[static_cast<std::size_t>(use)][size_class];
  if (mine.head == nullptr) [[unlikely]] return refill(static_cast<std::size_t>(use), size_class);
  return mine.pop();
}

void pool_deallocate(void* memory, std::size_t size, cell_use use) noexcept {
  if (bypass(size, use)) [[unlikely]] return ::operator delete(memory);
  const std::size_t size_class = class_of(size, use);
  local_list& mine = local_cache[static_cast<std::size_t>(use)][size_class];
  if (mine.head == nullptr) [[unlikely]] keeper.touch();  // a thread that only frees gives back at its end, too
  mine.push(static_cast<free_cell*>(memory));
  if (mine.count > bounds[size_class]) [[unlikely]] overflow(static_cast<std::size_t>(use), size_class);
}

}  // namespace gyre::detail
