// SPDX-License-Identifier: BSL-1.0
// queue_mpmc: four producers and four consumers share a queue of 1024.  queue_spsc: one and one.
#include "runtime_options.hpp"

namespace {

constexpr int capacity = 1024;
constexpr std::int64_t end_mark = -1;

using channel = gyre::queue<std::int64_t>;

gyre::coro<std::int64_t> produce(channel& queue, std::int64_t items) {
  for (std::int64_t i = 0; i < items; ++i) co_await queue.put(i);
  co_return items;
}

gyre::coro<std::int64_t> consume(channel& queue) {
  std::int64_t sum = 0;
  for (;;) {
    const std::int64_t item = co_await queue.get();
    if (item == end_mark) co_return sum;
    sum += item;
  }
}

gyre::coro<bench::outcome> share(std::int64_t size, int pairs) {
  const std::int64_t items = size / pairs;
  channel queue(capacity);
  std::vector<gyre::task<std::int64_t>> producers;
  std::vector<gyre::task<std::int64_t>> consumers;
  const bench::stopwatch watch;
  for (int i = 0; i < pairs; ++i) {
    consumers.push_back(gyre::create_task(consume(queue)));
    producers.push_back(gyre::create_task(produce(queue, items)));
  }
  const std::int64_t sent = co_await bench::sum_of(producers);
  for (int i = 0; i < pairs; ++i) co_await queue.put(end_mark);
  const std::int64_t total = co_await bench::sum_of(consumers);
  const bench::outcome result = watch.stop(sent);
  bench::require(sent == pairs * items && total == pairs * bench::sum_below(items), "queue: the sum");
  co_return result;
}

gyre::coro<bench::outcome> four_pairs(bench::request wanted) { return share(wanted.size, 4); }
gyre::coro<bench::outcome> one_pair(bench::request wanted) { return share(wanted.size, 1); }

const bench::workload registered[] = {
    {"queue_mpmc", [](const bench::request& wanted) { return bench::run_main(four_pairs, wanted); }},
    {"queue_spsc", [](const bench::request& wanted) { return bench::run_main(one_pair, wanted); }},
};

}  // namespace
