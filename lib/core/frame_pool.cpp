// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/config.hpp>
#include <gyre/core/frame_pool.hpp>

#include <algorithm>
#include <array>
#include <new>

// Each thread keeps a list of free cells for every size class. A list that reaches its bound moves a batch to a central
// list, from which threads that run dry take whole batches: a frame freed on a thief's thread finds its way back without
// either side touching the other's list. Pages are never returned: they outlive the threads that made them.

namespace gyre::detail {
namespace {

constexpr std::size_t granule = cell_cache::granule;
constexpr std::size_t classes = cell_cache::classes;
constexpr std::size_t slab_bytes = 32 * 1024;

using free_cell = basic_free_cell<>;

// How many free cells of one class a thread keeps: about 64 KiB, at least 16 and at most 512 cells.
constexpr std::array<std::int32_t, classes> bounds = [] {
  std::array<std::int32_t, classes> cells{};
  for (std::size_t c = 0; c < classes; ++c) {
    cells[c] = static_cast<std::int32_t>(std::clamp<std::size_t>(64 * 1024 / ((c + 1) * granule), 16, 512));
  }
  return cells;
}();

using central_store = std::array<std::array<basic_cell_batches<>, classes>, cell_cache::uses>;

// Never destroyed: threads give memory back until the process ends.
basic_cell_batches<>& central(cell_use use, std::size_t size_class) noexcept {
  alignas(central_store) static std::byte memory[sizeof(central_store)];
  static central_store* store = new (memory) central_store;
  return (*store)[static_cast<std::size_t>(use)][size_class];
}

constinit thread_local cell_cache own_cells{bounds};

// Hands the cells of a thread that ends to the others.
struct cache_keeper {
  cache_keeper() noexcept = default;
  cache_keeper(const cache_keeper&) = delete;
  cache_keeper& operator=(const cache_keeper&) = delete;
  ~cache_keeper() {
    for (const cell_use use : {cell_use::frame, cell_use::stable}) {
      for (std::size_t c = 0; c < classes; ++c) {
        if (free_cell* const chain = own_cells.of(use, c).cut_all(); chain != nullptr) central(use, c).give(chain);
      }
    }
  }
  void touch() noexcept {}
};
thread_local cache_keeper keeper;

// Under ASan every frame is a heap block of its own, so that a use after the end is seen: then each call has to come here,
// also from code that was compiled without. Stable cells stay pooled.
constexpr bool bypass(std::size_t size, cell_use use) noexcept {
  return use == cell_use::frame && (size > largest_cell || address_sanitized);
}

// From now on this thread finds its lists without help. It gives its cells back at its end, even if it only ever frees.
cell_cache& attach() noexcept {
  keeper.touch();
  if constexpr (!address_sanitized) this_thread_block().cells = &own_cells;
  return own_cells;
}

void refill(cell_cache::list& mine, cell_use use, std::size_t size_class) {
  free_cell* chain = central(use, size_class).take();
  if (chain == nullptr) {
    const std::size_t cell = (size_class + 1) * granule;
    const std::size_t prefix = use == cell_use::stable ? stable_prefix_bytes : 0;
    auto* slab = static_cast<std::byte*>(::operator new(slab_bytes));
    if (prefix != 0) std::fill_n(slab, slab_bytes, std::byte{0});
    for (std::size_t at = (slab_bytes / cell) * cell; at >= cell; at -= cell) {
      chain = new (slab + at - cell + prefix) free_cell{chain, nullptr};
    }
  }
  mine.adopt(chain);
}

}  // namespace

constinit cell_cache no_cells;

GYRE_NOINLINE void* pool_allocate_slow(std::size_t size, cell_use use) {
  if (bypass(size, use)) return ::operator new(size);
  const std::size_t size_class = cell_cache::class_of(size, use);
  cell_cache::list& mine = attach().of(use, size_class);
  if (mine.empty()) refill(mine, use, size_class);
  return mine.pop();
}

GYRE_NOINLINE void pool_deallocate_slow(void* memory, std::size_t size, cell_use use) noexcept {
  if (bypass(size, use)) return ::operator delete(memory);
  const std::size_t size_class = cell_cache::class_of(size, use);
  cell_cache::list& mine = attach().of(use, size_class);
  if (mine.full()) central(use, size_class).give(mine.cut_half());
  mine.push(static_cast<free_cell*>(memory));
}

}  // namespace gyre::detail
