// SPDX-License-Identifier: BSL-1.0
// skynet: a tree of tens whose leaves are numbered; every node adds up its children.
#include <tuple>
#include <utility>

#include "harness/boards.hpp"
#include "runtime_options.hpp"

namespace {

gyre::coro<std::int64_t> skynet(std::int64_t first, int depth);

template <std::size_t... Index>
auto gather_children(std::int64_t first, int depth, std::index_sequence<Index...>) {
  const std::int64_t step = bench::skynet_leaves(depth - 1);
  return gyre::gather(skynet(first + static_cast<std::int64_t>(Index) * step, depth - 1)...);
}

gyre::coro<std::int64_t> skynet(std::int64_t first, int depth) {
  if (depth == 0) co_return first;
  const auto sums = co_await gather_children(first, depth, std::make_index_sequence<10>());
  co_return std::apply([](auto... each) { return (each + ...); }, sums);
}

gyre::coro<bench::outcome> measure(bench::request wanted) {
  const bench::stopwatch watch;
  const std::int64_t sum = co_await gyre::create_task(skynet(0, static_cast<int>(wanted.size)));
  const bench::outcome result = watch.stop(bench::skynet_nodes(wanted.size));
  bench::require(sum == bench::sum_below(bench::skynet_leaves(wanted.size)), "skynet: the sum");
  co_return result;
}

const bench::workload registered{"skynet",
                                 [](const bench::request& wanted) { return bench::run_main(measure, wanted); }};

}  // namespace
