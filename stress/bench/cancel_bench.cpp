// SPDX-License-Identifier: BSL-1.0
// cancel: many tasks asleep for an hour; only their cancellation and its await are timed.
#include <atomic>

#include "runtime_options.hpp"

namespace {

gyre::coro<> sleep_an_hour(std::atomic<std::int64_t>& asleep) {
  asleep.fetch_add(1, std::memory_order_relaxed);  // a count; nothing is published with it
  co_await gyre::sleep(std::chrono::hours(1));
}

gyre::coro<bench::outcome> measure(bench::request wanted) {
  std::atomic<std::int64_t> asleep{0};
  std::vector<gyre::task<>> tasks;
  tasks.reserve(static_cast<std::size_t>(wanted.size));
  for (std::int64_t i = 0; i < wanted.size; ++i) tasks.push_back(gyre::create_task(sleep_an_hour(asleep)));
  while (asleep.load(std::memory_order_relaxed) < wanted.size) co_await gyre::sleep(std::chrono::milliseconds(10));
  co_await gyre::sleep(std::chrono::milliseconds(10));  // the last one has counted, but may not be parked yet

  const bench::stopwatch watch;
  for (const gyre::task<>& each : tasks) each.cancel();
  const auto ends = co_await gyre::gather(gyre::return_exceptions, tasks);
  const bench::outcome result = watch.stop(wanted.size);
  std::int64_t cancelled = 0;
  for (const gyre::task<>& each : tasks) cancelled += each.cancelled() ? 1 : 0;
  bench::require(cancelled == wanted.size && ends.size() == tasks.size(), "cancel: the count");
  co_return result;
}

const bench::workload registered{"cancel",
                                 [](const bench::request& wanted) { return bench::run_main(measure, wanted); }};

}  // namespace
