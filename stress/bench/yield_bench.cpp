// SPDX-License-Identifier: BSL-1.0
// yield: 1000 tasks that let the others run, again and again.
#include "runtime_options.hpp"

namespace {

constexpr std::int64_t tasks = 1000;

gyre::coro<std::int64_t> yield_often(std::int64_t times) {
  for (std::int64_t i = 0; i < times; ++i) co_await gyre::sleep(std::chrono::seconds(0));
  co_return times;
}

gyre::coro<bench::outcome> measure(bench::request wanted) {
  const std::int64_t each = wanted.size / tasks;
  std::vector<gyre::task<std::int64_t>> started;
  const bench::stopwatch watch;
  for (std::int64_t i = 0; i < tasks; ++i) started.push_back(gyre::create_task(yield_often(each)));
  const std::int64_t count = co_await bench::sum_of(started);
  const bench::outcome result = watch.stop(each * tasks);
  bench::require(count == each * tasks, "yield: the count");
  co_return result;
}

const bench::workload registered{"yield",
                                 [](const bench::request& wanted) { return bench::run_main(measure, wanted); }};

}  // namespace
