// SPDX-License-Identifier: BSL-1.0
// offload_lat, offload_tput: to_thread of a function that does nothing, from one task or from 64.
#include "runtime_options.hpp"

namespace {

constexpr std::int64_t tasks = 64;

std::int64_t same(std::int64_t value) { return value; }

gyre::coro<bench::outcome> one_by_one(bench::request wanted) {
  bench::latencies times(static_cast<std::size_t>(wanted.size));
  std::int64_t sum = 0;
  const bench::stopwatch watch;
  for (std::int64_t i = 0; i < wanted.size; ++i) {
    const std::int64_t start = bench::monotonic_ns();
    sum += co_await gyre::to_thread(same, i);
    times.add(bench::monotonic_ns() - start);
  }
  const bench::outcome result = watch.stop(wanted.size);
  bench::require(sum == bench::sum_below(wanted.size), "offload_lat: the sum");
  co_return times.summarise(result);
}

gyre::coro<std::int64_t> offload(std::int64_t calls) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < calls; ++i) sum += co_await gyre::to_thread(same, i);
  co_return sum;
}

gyre::coro<bench::outcome> together(bench::request wanted) {
  const std::int64_t calls = wanted.size / tasks;
  std::vector<gyre::task<std::int64_t>> started;
  const bench::stopwatch watch;
  for (std::int64_t i = 0; i < tasks; ++i) started.push_back(gyre::create_task(offload(calls)));
  const std::int64_t sum = co_await bench::sum_of(started);
  const bench::outcome result = watch.stop(calls * tasks);
  bench::require(sum == tasks * bench::sum_below(calls), "offload_tput: the sum");
  co_return result;
}

const bench::workload registered[] = {
    {"offload_lat", [](const bench::request& wanted) { return bench::run_main(one_by_one, wanted); }},
    {"offload_tput", [](const bench::request& wanted) { return bench::run_main(together, wanted); }},
};

}  // namespace
