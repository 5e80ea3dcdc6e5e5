// SPDX-License-Identifier: BSL-1.0
// Boost.Asio: calls from foreign threads, and a thread pool for blocking functions.
#include <deque>
#include <future>

#include "pool.hpp"

namespace {

/// Runs `body(context)` on this thread, a foreign one, while the runtime runs on its own.
template <class Body>
bench::outcome beside_runtime(const bench::request& wanted, Body body) {
  pool runtime(wanted.threads);
  auto open = asio::make_work_guard(runtime.context);
  std::thread thread([&] { runtime.run(); });
  const bench::outcome result = body(runtime.context);
  open.reset();
  thread.join();
  return result;
}

bench::outcome submit_lat(const bench::request& wanted) {
  return beside_runtime(wanted, [&](asio::io_context& context) {
    bench::latencies times(static_cast<std::size_t>(wanted.size));
    std::int64_t sum = 0;
    const bench::stopwatch watch;
    for (std::int64_t i = 0; i < wanted.size; ++i) {
      const std::int64_t start = bench::monotonic_ns();
      sum += co_spawn(context, answer(i), asio::use_future).get();
      times.add(bench::monotonic_ns() - start);
    }
    const bench::outcome result = watch.stop(wanted.size);
    bench::require(sum == bench::sum_below(wanted.size), "submit_lat: the sum");
    return times.summarise(result);
  });
}

/// Submits `calls` calls with at most 2500 in flight; returns the sum of their results.
std::int64_t submit_many(asio::io_context& context, std::int64_t calls) {
  std::deque<std::future<std::int64_t>> in_flight;
  std::int64_t sum = 0;
  const auto take = [&] {
    sum += in_flight.front().get();
    in_flight.pop_front();
  };
  for (std::int64_t i = 0; i < calls; ++i) {
    if (in_flight.size() == 2500) take();
    in_flight.push_back(co_spawn(context, answer(i), asio::use_future));
  }
  while (!in_flight.empty()) take();
  return sum;
}

bench::outcome submit_tput(const bench::request& wanted) {
  constexpr int clients = 4;
  return beside_runtime(wanted, [&](asio::io_context& context) {
    const std::int64_t calls = wanted.size / clients;
    std::atomic<std::int64_t> sum{0};
    std::vector<std::thread> threads;
    const bench::stopwatch watch;
    for (int i = 0; i < clients; ++i) threads.emplace_back([&] { sum += submit_many(context, calls); });
    for (std::thread& thread : threads) thread.join();
    const bench::outcome result = watch.stop(calls * clients);
    bench::require(sum == clients * bench::sum_below(calls), "submit_tput: the sum");
    return result;
  });
}

awaitable<void> offload(asio::thread_pool& workers, std::int64_t calls, bench::latencies* times,
                        std::atomic<std::int64_t>& total) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < calls; ++i) {
    const std::int64_t start = bench::monotonic_ns();
    sum += co_await co_spawn(workers, answer(i), use_awaitable);
    if (times != nullptr) times->add(bench::monotonic_ns() - start);
  }
  total += sum;
}

bench::outcome offload_from(const bench::request& wanted, int tasks, bench::latencies* times) {
  const std::int64_t calls = wanted.size / tasks;
  pool runtime(wanted.threads);
  asio::thread_pool workers(4);
  std::atomic<std::int64_t> total{0};
  const bench::stopwatch watch;
  for (int i = 0; i < tasks; ++i) co_spawn(runtime.context, offload(workers, calls, times, total), asio::detached);
  runtime.run();
  const bench::outcome result = watch.stop(calls * tasks);
  bench::require(total == tasks * bench::sum_below(calls), "offload: the sum");
  return result;
}

bench::outcome offload_lat(const bench::request& wanted) {
  bench::latencies times(static_cast<std::size_t>(wanted.size));
  const bench::outcome result = offload_from(wanted, 1, &times);
  return times.summarise(result);
}
bench::outcome offload_tput(const bench::request& wanted) { return offload_from(wanted, 64, nullptr); }

const bench::workload workloads[] = {
    {"submit_lat", submit_lat},
    {"submit_tput", submit_tput},
    {"offload_lat", offload_lat},
    {"offload_tput", offload_tput},
};

}  // namespace
