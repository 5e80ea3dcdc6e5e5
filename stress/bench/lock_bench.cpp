// SPDX-License-Identifier: BSL-1.0
// lock, lock_contended: 64 tasks share a lock; contended, its holder yields, so that every acquisition waits.
#include "runtime_options.hpp"

namespace {

constexpr std::int64_t tasks = 64;

gyre::coro<std::int64_t> take_turns(gyre::lock& mutex, std::int64_t& count, std::int64_t times, bool contended) {
  for (std::int64_t i = 0; i < times; ++i) {
    const auto held = co_await mutex.scoped();
    ++count;
    if (contended) co_await gyre::sleep(std::chrono::seconds(0));
  }
  co_return times;
}

gyre::coro<bench::outcome> share(std::int64_t size, bool contended) {
  gyre::lock mutex;
  std::int64_t count = 0;
  std::vector<gyre::task<std::int64_t>> started;
  const bench::stopwatch watch;
  for (std::int64_t i = 0; i < tasks; ++i) {
    started.push_back(gyre::create_task(take_turns(mutex, count, size / tasks, contended)));
  }
  const std::int64_t taken = co_await bench::sum_of(started);
  const bench::outcome result = watch.stop(taken);
  bench::require(count == taken && taken == size / tasks * tasks, "lock: the count");
  co_return result;
}

gyre::coro<bench::outcome> uncontended(bench::request wanted) { return share(wanted.size, false); }
gyre::coro<bench::outcome> contended(bench::request wanted) { return share(wanted.size, true); }

const bench::workload registered[] = {
    {"lock", [](const bench::request& wanted) { return bench::run_main(uncontended, wanted); }},
    {"lock_contended", [](const bench::request& wanted) { return bench::run_main(contended, wanted); }},
};

}  // namespace
