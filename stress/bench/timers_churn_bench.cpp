// SPDX-License-Identifier: BSL-1.0
// timers_churn: wait_for of a future that is set in the next turn; its timer is armed and taken back every time.
#include "runtime_options.hpp"

namespace {

using value = gyre::future<std::int64_t>;

void set(const value& waited, std::int64_t result) { waited.set_result(result); }

gyre::coro<bench::outcome> measure(bench::request wanted) {
  gyre::event_loop& loop = gyre::get_running_loop();
  std::int64_t sum = 0;
  const bench::stopwatch watch;
  for (std::int64_t i = 0; i < wanted.size; ++i) {
    const value waited = loop.create_future<std::int64_t>();
    loop.call_soon(set, waited, i);
    sum += co_await gyre::wait_for(waited, std::chrono::seconds(10));
  }
  const bench::outcome result = watch.stop(wanted.size);
  bench::require(sum == bench::sum_below(wanted.size), "timers_churn: the sum");
  co_return result;
}

const bench::workload registered{"timers_churn",
                                 [](const bench::request& wanted) { return bench::run_main(measure, wanted); }};

}  // namespace
