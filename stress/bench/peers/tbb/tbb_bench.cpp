// SPDX-License-Identifier: BSL-1.0
// oneTBB: the fork-join workloads with task groups.
#include <tbb/global_control.h>
#include <tbb/task_group.h>
#include <tbb/version.h>

#include <array>

#include "harness/boards.hpp"
#include "harness/program.hpp"

namespace {

std::int64_t fib(int n) {
  if (n < 2) return n;
  std::int64_t left = 0;
  tbb::task_group group;
  group.run([&left, n] { left = fib(n - 1); });
  const std::int64_t right = fib(n - 2);
  group.wait();
  return left + right;
}

std::int64_t skynet(std::int64_t first, int depth) {
  if (depth == 0) return first;
  const std::int64_t step = bench::skynet_leaves(depth - 1);
  std::array<std::int64_t, 10> sums{};
  tbb::task_group group;
  for (std::size_t i = 0; i < 10; ++i) {
    group.run(
        [&sums, i, first, step, depth] { sums[i] = skynet(first + static_cast<std::int64_t>(i) * step, depth - 1); });
  }
  group.wait();
  std::int64_t total = 0;
  for (const std::int64_t sum : sums) total += sum;
  return total;
}

std::int64_t solutions(int size, int row, const bench::queens& placed) {
  if (row == size) return 1;
  std::array<std::int64_t, 16> counts{};
  tbb::task_group group;
  for (int column = 0; column < size; ++column) {
    if (!bench::is_safe(placed, row, column)) continue;
    bench::queens next = placed;
    next[static_cast<std::size_t>(row)] = static_cast<signed char>(column);
    group.run([&counts, size, row, column, next] {
      counts[static_cast<std::size_t>(column)] = solutions(size, row + 1, next);
    });
  }
  group.wait();
  std::int64_t total = 0;
  for (const std::int64_t count : counts) total += count;
  return total;
}

tbb::global_control limit(const bench::request& wanted) {
  return {tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(wanted.threads)};
}

bench::outcome run_fib(const bench::request& wanted) {
  const auto threads = limit(wanted);
  const bench::stopwatch watch;
  const std::int64_t value = fib(static_cast<int>(wanted.size));
  const bench::outcome result = watch.stop(bench::fib_calls(wanted.size));
  bench::require(value == bench::fib_value(wanted.size), "fib: the value");
  return result;
}

bench::outcome run_skynet(const bench::request& wanted) {
  const auto threads = limit(wanted);
  const bench::stopwatch watch;
  const std::int64_t sum = skynet(0, static_cast<int>(wanted.size));
  const bench::outcome result = watch.stop(bench::skynet_nodes(wanted.size));
  bench::require(sum == bench::sum_below(bench::skynet_leaves(wanted.size)), "skynet: the sum");
  return result;
}

bench::outcome run_nqueens(const bench::request& wanted) {
  const bench::board* facts = bench::find_board(wanted.size);
  bench::require(facts != nullptr, "nqueens: boards of 8 to 14");
  const auto threads = limit(wanted);
  const bench::stopwatch watch;
  const std::int64_t found = solutions(static_cast<int>(wanted.size), 0, {});
  const bench::outcome result = watch.stop(facts->placements);
  bench::require(found == facts->solutions, "nqueens: the number of solutions");
  return result;
}

const bench::workload fib_workload{"fib", run_fib};
const bench::workload skynet_workload{"skynet", run_skynet};
const bench::workload nqueens_workload{"nqueens", run_nqueens};

}  // namespace

int main(int argc, char** argv) { return bench::run_program("tbb", TBB_VERSION_STRING, argc, argv); }
