// SPDX-License-Identifier: BSL-1.0
// spawn_join, spawn_rounds: tasks made, run, awaited; all at once, or 1000 at a time so that memory is reused.
#include "runtime_options.hpp"

namespace {

gyre::coro<bench::outcome> spawn_in_rounds(std::int64_t rounds, std::int64_t tasks) {
  std::int64_t sum = 0;
  const bench::stopwatch watch;
  for (std::int64_t round = 0; round < rounds; ++round) {
    std::vector<gyre::task<std::int64_t>> started;
    started.reserve(static_cast<std::size_t>(tasks));
    for (std::int64_t i = 0; i < tasks; ++i) started.push_back(gyre::create_task(bench::answer(i)));
    sum += co_await bench::sum_of(started);
  }
  const bench::outcome result = watch.stop(rounds * tasks);
  bench::require(sum == rounds * bench::sum_below(tasks), "spawn: the sum");
  co_return result;
}

gyre::coro<bench::outcome> join(bench::request wanted) { return spawn_in_rounds(1, wanted.size); }
gyre::coro<bench::outcome> rounds(bench::request wanted) { return spawn_in_rounds(wanted.size / 1000, 1000); }

const bench::workload registered[] = {
    {"spawn_join", [](const bench::request& wanted) { return bench::run_main(join, wanted); }},
    {"spawn_rounds", [](const bench::request& wanted) { return bench::run_main(rounds, wanted); }},
};

}  // namespace
