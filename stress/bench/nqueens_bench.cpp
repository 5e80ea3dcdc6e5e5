// SPDX-License-Identifier: BSL-1.0
// nqueens: all solutions of a board, one child for each legal square of the next row.
#include <ranges>

#include "harness/boards.hpp"
#include "runtime_options.hpp"

namespace {

gyre::coro<std::int64_t> solutions(int size, int row, bench::queens placed);

// One child for each square of the row on which a queen is safe.
auto of_the_rest(int size, int row, bench::queens placed) {
  const auto legal = [&](int column) { return bench::is_safe(placed, row, column); };
  const auto place = [&](int column) {
    placed[static_cast<std::size_t>(row)] = static_cast<signed char>(column);
    return solutions(size, row + 1, placed);
  };
  return gyre::gather(std::views::iota(0, size) | std::views::filter(legal) | std::views::transform(place));
}

gyre::coro<std::int64_t> solutions(int size, int row, bench::queens placed) {
  if (row == size) co_return 1;
  std::int64_t total = 0;
  for (const std::int64_t count : co_await of_the_rest(size, row, placed)) total += count;
  co_return total;
}

gyre::coro<bench::outcome> measure(bench::request wanted) {
  const bench::board* facts = bench::find_board(wanted.size);
  bench::require(facts != nullptr, "nqueens: boards of 8 to 14");
  const bench::queens empty{};
  const bench::stopwatch watch;
  const std::int64_t found = co_await gyre::create_task(solutions(static_cast<int>(wanted.size), 0, empty));
  const bench::outcome result = watch.stop(facts->placements);
  bench::require(found == facts->solutions, "nqueens: the number of solutions");
  co_return result;
}

const bench::workload registered{"nqueens",
                                 [](const bench::request& wanted) { return bench::run_main(measure, wanted); }};

}  // namespace
