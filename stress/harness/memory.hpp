// SPDX-License-Identifier: BSL-1.0
#pragma once
// The program's memory: what is allocated now, and allocations that fail on purpose. Replaces operator new and delete.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace storm {

/// Objects from operator new that have not been deleted, of all threads.
[[nodiscard]] std::int64_t live_allocations() noexcept;

/// Resident memory of the process.   Units: bytes.
[[nodiscard]] std::size_t resident_bytes();

/// Lets operator new fail on this thread while it lives: after `successes` allocations, either once or until the end.
class short_memory {
 public:
  enum class lasts : unsigned char { once, until_end };
  short_memory(std::uint64_t successes, lasts how) noexcept;
  short_memory(const short_memory&) = delete;
  short_memory& operator=(const short_memory&) = delete;
  ~short_memory();

  /// How many allocations have failed so far.
  [[nodiscard]] static std::uint64_t failures() noexcept;
  /// Nothing fails from now on.
  static void end() noexcept;
};

/// Takes the free cells of the frame pool that this thread can reach, all but `left` of each size, until it is destroyed:
/// else a pool that was filled once would hide each failure. The pool gets no more memory on this thread meanwhile, since it
/// would keep that for ever.
class drained_pool {
 public:
  explicit drained_pool(std::size_t left);
  drained_pool(const drained_pool&) = delete;
  drained_pool& operator=(const drained_pool&) = delete;
  ~drained_pool();

 private:
  struct cell {
    void* memory;
    std::size_t size;
  };
  std::vector<cell> cells_;
};

}  // namespace storm
