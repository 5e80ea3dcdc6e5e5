// SPDX-License-Identifier: BSL-1.0
// sleepers: many tasks that each sleep once, up to a second, due in an order far from that of their creation.
#include "runtime_options.hpp"

namespace {

gyre::coro<std::int64_t> sleep_once(int milliseconds) {
  co_await gyre::sleep(std::chrono::milliseconds(milliseconds));
  co_return 1;
}

gyre::coro<bench::outcome> measure(bench::request wanted) {
  std::vector<gyre::task<std::int64_t>> started;
  started.reserve(static_cast<std::size_t>(wanted.size));
  const bench::stopwatch watch;
  for (std::int64_t i = 0; i < wanted.size; ++i) started.push_back(gyre::create_task(sleep_once(bench::sleeper_ms(i))));
  const std::int64_t awake = co_await bench::sum_of(started);
  const bench::outcome result = watch.stop(wanted.size);
  bench::require(awake == wanted.size, "sleepers: the count");
  co_return result;
}

const bench::workload registered{"sleepers",
                                 [](const bench::request& wanted) { return bench::run_main(measure, wanted); }};

}  // namespace
