// SPDX-License-Identifier: BSL-1.0
#include "memory.hpp"

#include <unistd.h>
#include <gyre/base/config.hpp>
#include <gyre/core/frame_pool.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>

// The sanitizers have operators new of their own: there nothing is counted, and nothing fails.
#ifndef GYRE_STRESS_REPLACES_NEW
#define GYRE_STRESS_REPLACES_NEW 1
#endif

namespace storm {
namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

std::atomic<std::int64_t> live{0};

constexpr std::size_t slab = 32 * 1024;  // what the frame pool asks for

struct shortage {
  std::uint64_t successes = never;  // before the next failure
  bool once = true;
  bool of_slabs = false;  // a drained pool stays so
  std::uint64_t failures = 0;
};
constinit thread_local shortage current;

// Whether this allocation is to fail.
bool fails(std::size_t size) noexcept {
  if (current.of_slabs && size >= slab) {
    ++current.failures;
    return true;
  }
  if (current.successes == never) [[likely]]
    return false;
  if (current.successes > 0) {
    --current.successes;
    return false;
  }
  if (current.once) current.successes = never;
  ++current.failures;
  return true;
}

}  // namespace

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (fails(size)) return nullptr;
  void* memory = nullptr;
  if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
    memory = std::malloc(size == 0 ? 1 : size);
  } else if (posix_memalign(&memory, alignment, size) != 0) {
    return nullptr;
  }
  if (memory != nullptr) live.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

std::int64_t live_allocations() noexcept { return live.load(std::memory_order_relaxed); }

std::size_t resident_bytes() {
  std::FILE* const statm = std::fopen("/proc/self/statm", "re");
  if (statm == nullptr) return 0;
  std::size_t all = 0;
  std::size_t resident = 0;
  const int read = std::fscanf(statm, "%zu %zu", &all, &resident);
  std::fclose(statm);
  return read == 2 ? resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

short_memory::short_memory(std::uint64_t successes, lasts how) noexcept {
  current.failures = 0;
  current.once = how == lasts::once;
  current.successes = successes;
}
short_memory::~short_memory() { end(); }
std::uint64_t short_memory::failures() noexcept { return current.failures; }
void short_memory::end() noexcept { current.successes = never; }

drained_pool::drained_pool(std::size_t left) {
  if (GYRE_STRESS_REPLACES_NEW == 0) return;
  constexpr std::size_t granule = 32;
  constexpr std::size_t largest = 2048;
  constexpr std::size_t most = 1'000'000;
  cells_.reserve(most);
  for (std::size_t size = granule; size <= largest; size += granule) {
    const std::size_t first = cells_.size();
    try {
      const short_memory none(0, short_memory::lasts::until_end);
      while (cells_.size() < most) cells_.push_back({gyre::detail::pool_allocate(size), size});
    } catch (const std::bad_alloc&) {  // all are here
    }
    for (std::size_t i = 0; i < left && cells_.size() > first; ++i) {
      gyre::detail::pool_deallocate(cells_.back().memory, size);
      cells_.pop_back();
    }
  }
  current.of_slabs = true;
}

drained_pool::~drained_pool() {
  current.of_slabs = false;
  for (const cell& each : cells_) gyre::detail::pool_deallocate(each.memory, each.size);
}

}  // namespace storm

// --- operator new and delete -----------------------------------------------------------------------------------------
#if GYRE_STRESS_REPLACES_NEW
namespace {

GYRE_NOINLINE void* allocate_or_throw(std::size_t size, std::size_t alignment = 1) {
  void* const memory = storm::allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

GYRE_NOINLINE void* operator new(std::size_t size) { return allocate_or_throw(size); }
GYRE_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
GYRE_NOINLINE void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return storm::allocate(size, 1); }
GYRE_NOINLINE void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return storm::allocate(size, static_cast<std::size_t>(alignment));
}
GYRE_NOINLINE void operator delete(void* memory) noexcept { storm::release(memory); }
GYRE_NOINLINE void operator delete(void* memory, std::size_t) noexcept { storm::release(memory); }
GYRE_NOINLINE void operator delete(void* memory, std::align_val_t) noexcept { storm::release(memory); }
GYRE_NOINLINE void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { storm::release(memory); }
#endif
