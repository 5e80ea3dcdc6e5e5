// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the programs of the fork-join workloads must find, and the rules of the queens, the same for every runtime.
#include <array>
#include <cstddef>
#include <cstdint>

namespace bench {

/// Calls that the naive fib(n) makes, itself included.
constexpr std::int64_t fib_calls(std::int64_t n) {
  std::int64_t before = 1;
  std::int64_t calls = 1;
  for (std::int64_t i = 2; i <= n; ++i) {
    const std::int64_t next = before + calls + 1;
    before = calls;
    calls = next;
  }
  return calls;
}

constexpr std::int64_t fib_value(std::int64_t n) {
  std::int64_t before = 0;
  std::int64_t value = 1;
  for (std::int64_t i = 1; i < n; ++i) {
    const std::int64_t next = before + value;
    before = value;
    value = next;
  }
  return n == 0 ? 0 : value;
}

/// Leaves of skynet's tree of tens.
constexpr std::int64_t skynet_leaves(std::int64_t depth) {
  std::int64_t leaves = 1;
  for (std::int64_t i = 0; i < depth; ++i) leaves *= 10;
  return leaves;
}

/// All nodes of the same tree.
constexpr std::int64_t skynet_nodes(std::int64_t depth) { return (skynet_leaves(depth) * 10 - 1) / 9; }

/// Queens placed so far: the column of each, row by row.
using queens = std::array<signed char, 16>;

/// Whether a queen at (`row`, `column`) is safe from those of the rows above.
inline bool is_safe(const queens& placed, int row, int column) {
  for (int above = 0; above < row; ++above) {
    const int distance = column - placed[static_cast<std::size_t>(above)];
    if (distance == 0 || distance == row - above || distance == above - row) return false;
  }
  return true;
}

/// Solutions of a board, and legal placements of its first 0, 1, 2 ... rows together.
struct board {
  std::int64_t size, solutions, placements;
};
inline constexpr std::array<board, 7> boards{{
    {8, 92, 2057},
    {9, 352, 8394},
    {10, 724, 35539},
    {11, 2680, 166926},
    {12, 14200, 856189},
    {13, 73712, 4674890},
    {14, 365596, 27358553},
}};

/// The facts of one board; null for sizes other than 8 to 14.
constexpr const board* find_board(std::int64_t size) {
  return size < 8 || size > 14 ? nullptr : &boards[static_cast<std::size_t>(size - 8)];
}

}  // namespace bench
