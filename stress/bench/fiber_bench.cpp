// SPDX-License-Identifier: BSL-1.0
// fiber_yield, fiber_rounds: what yield and spawn_rounds do, in fibers. fiber_await: a coroutine awaited again and again
// by one fiber; coro_await: by a coroutine.
#include "runtime_options.hpp"

namespace {

constexpr std::int64_t tasks = 1000;

std::int64_t yield_often(std::int64_t times) {
  for (std::int64_t i = 0; i < times; ++i) gyre::await(gyre::sleep(std::chrono::seconds(0)));
  return times;
}

gyre::coro<bench::outcome> yields(bench::request wanted) {
  const std::int64_t each = wanted.size / tasks;
  std::vector<gyre::task<std::int64_t>> started;
  const bench::stopwatch watch;
  for (std::int64_t i = 0; i < tasks; ++i) started.push_back(gyre::create_task(gyre::fiber(yield_often, each)));
  const std::int64_t count = co_await bench::sum_of(started);
  const bench::outcome result = watch.stop(each * tasks);
  bench::require(count == each * tasks, "fiber_yield: the count");
  co_return result;
}

std::int64_t answer(std::int64_t value) { return value; }

gyre::coro<bench::outcome> rounds(bench::request wanted) {
  const std::int64_t count = wanted.size / tasks;
  std::int64_t sum = 0;
  const bench::stopwatch watch;
  for (std::int64_t round = 0; round < count; ++round) {
    std::vector<gyre::task<std::int64_t>> started;
    started.reserve(static_cast<std::size_t>(tasks));
    for (std::int64_t i = 0; i < tasks; ++i) started.push_back(gyre::create_task(gyre::fiber(answer, i)));
    sum += co_await bench::sum_of(started);
  }
  const bench::outcome result = watch.stop(count * tasks);
  bench::require(sum == count * bench::sum_below(tasks), "fiber_rounds: the sum");
  co_return result;
}

std::int64_t await_often(std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) sum += gyre::await(bench::answer(i));
  return sum;
}

gyre::coro<std::int64_t> co_await_often(std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) sum += co_await bench::answer(i);
  co_return sum;
}

template <bool InFiber>
gyre::coro<bench::outcome> awaits(bench::request wanted) {
  gyre::coro<std::int64_t> body = InFiber ? gyre::fiber(await_often, wanted.size) : co_await_often(wanted.size);
  const bench::stopwatch watch;
  const std::int64_t sum = co_await std::move(body);
  const bench::outcome result = watch.stop(wanted.size);
  bench::require(sum == bench::sum_below(wanted.size), "fiber_await: the sum");
  co_return result;
}

const bench::workload registered[] = {
    {"fiber_yield", [](const bench::request& wanted) { return bench::run_main(yields, wanted); }},
    {"fiber_rounds", [](const bench::request& wanted) { return bench::run_main(rounds, wanted); }},
    {"fiber_await", [](const bench::request& wanted) { return bench::run_main(awaits<true>, wanted); }},
    {"coro_await", [](const bench::request& wanted) { return bench::run_main(awaits<false>, wanted); }},
};

}  // namespace
