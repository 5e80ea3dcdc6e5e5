// SPDX-License-Identifier: BSL-1.0
// submit_lat, submit_tput: threads that are not gyre's start coroutines and wait for their results.
#include <atomic>
#include <deque>
#include <thread>

#include "runtime_options.hpp"

namespace {

constexpr int clients = 4;
constexpr std::size_t window = 2500;

bench::outcome submit_one_by_one(const bench::request& wanted) {
  gyre::runtime runtime(bench::runtime_options(wanted));
  bench::latencies times(static_cast<std::size_t>(wanted.size));
  std::int64_t sum = 0;
  const bench::stopwatch watch;
  for (std::int64_t i = 0; i < wanted.size; ++i) {
    const std::int64_t start = bench::monotonic_ns();
    sum += gyre::run_coroutine_threadsafe(bench::answer(i), runtime).result();
    times.add(bench::monotonic_ns() - start);
  }
  const bench::outcome result = watch.stop(wanted.size);
  bench::require(sum == bench::sum_below(wanted.size), "submit_lat: the sum");
  return times.summarise(result);
}

/// Submits `calls` calls with a bounded number in flight; returns the sum of their results.
std::int64_t submit_many(gyre::runtime& runtime, std::int64_t calls) {
  std::deque<gyre::blocking_future<std::int64_t>> in_flight;
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < calls; ++i) {
    if (in_flight.size() == window) {
      sum += in_flight.front().result();
      in_flight.pop_front();
    }
    in_flight.push_back(gyre::run_coroutine_threadsafe(bench::answer(i), runtime));
  }
  for (auto& call : in_flight) sum += call.result();
  return sum;
}

bench::outcome submit_together(const bench::request& wanted) {
  const std::int64_t calls = wanted.size / clients;
  gyre::runtime runtime(bench::runtime_options(wanted));
  std::atomic<std::int64_t> sum{0};
  std::vector<std::thread> threads;
  const bench::stopwatch watch;
  for (int i = 0; i < clients; ++i) threads.emplace_back([&] { sum += submit_many(runtime, calls); });
  for (std::thread& thread : threads) thread.join();
  const bench::outcome result = watch.stop(calls * clients);
  bench::require(sum == clients * bench::sum_below(calls), "submit_tput: the sum");
  return result;
}

const bench::workload registered[] = {{"submit_lat", submit_one_by_one}, {"submit_tput", submit_together}};

}  // namespace
