// SPDX-License-Identifier: BSL-1.0
// pingpong: two tasks and two queues of one; every message waits for the reply to the one before.
#include "runtime_options.hpp"

namespace {

using channel = gyre::queue<std::int64_t>;

gyre::coro<std::int64_t> pong(channel& in, channel& out, std::int64_t times) {
  for (std::int64_t i = 0; i < times; ++i) {
    const std::int64_t value = co_await in.get();
    co_await out.put(value);
  }
  co_return 0;
}

gyre::coro<std::int64_t> ping(channel& out, channel& in, std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) {
    co_await out.put(i);
    sum += co_await in.get();
  }
  co_return sum;
}

gyre::coro<bench::outcome> measure(bench::request wanted) {
  channel there(1);
  channel back(1);
  std::vector<gyre::task<std::int64_t>> players;
  const bench::stopwatch watch;
  players.push_back(gyre::create_task(pong(there, back, wanted.size)));
  players.push_back(gyre::create_task(ping(there, back, wanted.size)));
  const std::int64_t sum = co_await bench::sum_of(players);
  const bench::outcome result = watch.stop(wanted.size);
  bench::require(sum == bench::sum_below(wanted.size), "pingpong: the sum");
  co_return result;
}

const bench::workload registered{"pingpong",
                                 [](const bench::request& wanted) { return bench::run_main(measure, wanted); }};

}  // namespace
