// SPDX-License-Identifier: BSL-1.0
// The simulation itself: the same seed gives the same run everywhere, the extremes stay within what threads can do.
#include "loop_test.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;
using gyre::testing::no_progress;
using gyre::testing::sim_options;
using gyre::testing::simulate;
using gyre::testing::simulation;

namespace {

coro<int> leaf(int n) {
  co_await sleep(std::chrono::milliseconds(n % 3));
  co_return n;
}

coro<int> tree(int depth) {
  if (depth == 0) co_return co_await leaf(1);
  auto [left, right] = co_await gather(tree(depth - 1), tree(depth - 1));
  co_return left + right;
}

coro<> feed(queue<int>& q, int from) {
  for (int i = 0; i < 20; ++i) co_await q.put(from + i);
}

// Timers, fork-joins, queues, offloaded functions, cancels: what a trace can differ in.
coro<> mixture() {
  queue<int> q(2);
  task<> first = create_task(feed(q, 0));
  task<> second = create_task(feed(q, 100));
  int sum = 0;
  for (int i = 0; i < 40; ++i) sum += co_await q.get();
  gyre::testing::expect(sum == 190 + 2190, "every item once");
  gyre::testing::expect(co_await tree(4) == 16, "every leaf once");
  gyre::testing::expect(co_await to_thread([](int x) { return x + 1; }, 41) == 42, "the function's value");
  task<int> late = create_task(leaf(2));
  co_await sleep(0ns);
  const bool in_time = late.cancel();
  bool cancelled = false;
  try {
    co_await late;
  } catch (const cancelled_error&) {
    cancelled = true;
  }
  gyre::testing::expect(cancelled == in_time, "cancelled if it was told so");
  co_await first;
  co_await second;
}

std::uint64_t hash_of(std::uint64_t seed, const sim_options& options, coro<> (*main)()) {
  const simulation active(seed, options);
  run(main(), active.run_settings());
  return active.trace_hash();
}

sim_options extreme(int loops) { return sim_options().loops(loops).extremes(true); }

}  // namespace

TEST_CASE("simulation: the traces of these seeds are the same with every compiler", "[testing][simulation]") {
  CHECK(hash_of(1, sim_options().loops(1), mixture) == 0x785a06e47dcbdcaeU);
  CHECK(hash_of(2, sim_options().loops(4), mixture) == 0x137fc5fc082b91fU);
  CHECK(hash_of(3, extreme(1), mixture) == 0xd5480786e92203aaU);
  CHECK(hash_of(4, extreme(4), mixture) == 0x667c9c3c37bb71cfU);
  CHECK(hash_of(5, extreme(64), mixture) == 0xca1a53e8a5725079U);
}

TEST_CASE("simulation: a seed gives the same trace again, others give others", "[testing][simulation]") {
  std::set<std::uint64_t> traces;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::uint64_t trace = hash_of(seed, extreme(4), mixture);
    CHECK(trace == hash_of(seed, extreme(4), mixture));
    traces.insert(trace);
  }
  CHECK(traces.size() == 20);
}

TEST_CASE("simulation: extremes break no promise, on 1 to 64 loops", "[testing][simulation]") {
  for (const int loops : {1, 2, 3, 8, 64}) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      INFO(loops << " loops, seed " << seed);
      REQUIRE_NOTHROW(simulate(seed, extreme(loops), mixture));
    }
  }
}

TEST_CASE("simulation: the seed picks the number of loops within the range", "[testing][simulation]") {
  std::set<int> seen;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const simulation active(seed, sim_options().loops(2, 5));
    seen.insert(active.run_settings().loops());
  }
  CHECK(seen == std::set<int>{2, 3, 4, 5});
  CHECK_THROWS_AS(sim_options().loops(0), value_error);
  CHECK_THROWS_AS(sim_options().loops(4, 3), value_error);
  CHECK_THROWS_AS(sim_options().loops(1, 256), value_error);
}

TEST_CASE("simulation: a main that goes on for ever is ended with no_progress", "[testing][simulation]") {
  const auto spin = []() -> coro<> {
    for (;;) co_await sleep(0ns);
  };
  for (const bool extremes : {false, true}) {
    CHECK_THROWS_AS(simulate(1, sim_options().loops(2).extremes(extremes).most_decisions(5000), spin), no_progress);
  }
}

TEST_CASE("simulation: extremes do not keep many loops from falling asleep all together", "[testing][simulation]") {
  const auto naps = []() -> coro<> {
    for (int i = 0; i < 10; ++i) co_await sleep(1us);
  };
  for (const std::uint64_t seed :
       {15, 32, 100, 175, 242, 382}) {  // every turn interrupted, and loops woken for nothing
    INFO("seed " << seed);
    CHECK_NOTHROW(simulate(seed, extreme(64).most_decisions(100'000), naps));
  }
}

TEST_CASE("simulation: a task that survives its cancel in a deadlock does not keep the end away",
          "[testing][simulation]") {
  const auto stubborn = []() -> coro<> {
    event never;
    for (;;) {
      try {
        co_await never.wait();
      } catch (const cancelled_error&) {  // and waits again
      }
    }
  };
  CHECK_THROWS_AS(simulate(1, sim_options().loops(2), stubborn), would_deadlock);
}

TEST_CASE("simulation: without extremes time stands while code runs", "[testing][simulation]") {
  const simulation active(7, sim_options().loops(4));
  run(
      []() -> coro<> {
        for (int i = 0; i < 1000; ++i) co_await sleep(0ns);
        co_await sleep(3h);
      }(),
      active.run_settings());
  CHECK(active.elapsed() >= 3h);
  CHECK(active.elapsed() < 3h + 1s);
}

TEST_CASE("simulation: with extremes a timeout may beat the code that it limits", "[testing][simulation]") {
  int expired = 0;
  int in_time = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto hurried = []() -> coro<bool> {
      const auto work = []() -> coro<> {
        for (int i = 0; i < 10; ++i) co_await sleep(0ns);
      };
      bool late = false;
      try {
        co_await wait_for(work(), 1ms);
      } catch (const timeout_error&) {
        late = true;
      }
      co_return late;
    };
    ++(simulate(seed, extreme(2), hurried) ? expired : in_time);
  }
  CHECK(expired > 0);
  CHECK(in_time > 0);
}

TEST_CASE("choose: numbers of the seed, in range; refused outside a simulation and below nothing",
          "[testing][simulation]") {
  CHECK_THROWS_AS(gyre::testing::choose(2), error);
  std::vector<std::uint64_t> numbers[2];
  for (auto& each : numbers) {
    const simulation active(11);
    for (int i = 0; i < 100; ++i) each.push_back(gyre::testing::choose(10));
    CHECK_THROWS_AS(gyre::testing::choose(0), value_error);
  }
  CHECK(numbers[0] == numbers[1]);
  CHECK(*std::max_element(numbers[0].begin(), numbers[0].end()) == 9);
  CHECK(std::set<std::uint64_t>(numbers[0].begin(), numbers[0].end()).size() == 10);
}

TEST_CASE("simulation: two threads have one each", "[testing][simulation]") {
  const std::uint64_t expected = hash_of(9, extreme(3), mixture);
  std::uint64_t other = 0;
  std::thread beside([&other] { other = hash_of(9, extreme(3), mixture); });
  const std::uint64_t mine = hash_of(9, extreme(3), mixture);
  beside.join();
  CHECK(mine == expected);
  CHECK(other == expected);
}

TEST_CASE("simulation: a task that does not end with run() is told of once", "[testing][simulation]") {
  std::vector<std::string> reports;
  const auto main = [](std::vector<std::string>& out) -> coro<> {
    get_running_loop().set_exception_handler(
        [&out](event_loop&, const exception_context& context) { out.push_back(context.message); });
    const auto stays = []() -> coro<> {
      event never_set;
      try {
        co_await never_set.wait();
      } catch (const cancelled_error&) {  // it waits on
      }
      co_await never_set.wait();
    };
    create_task(stays);
    co_await sleep(0ns);
  };
  simulate(1, sim_options().loops(1), main(reports));
  CHECK(reports == std::vector<std::string>{"error in the shutdown of gyre::run()"});
}

TEST_CASE("simulation: between two runs of a runner all loops stand between two turns", "[testing][simulation]") {
  static bool inside = false;
  static constexpr auto goes_on = [](event& set) -> coro<> {
    for (;;) {
      inside = true;
      co_await set.wait();  // does not wait: but here the simulation may leave the turn
      inside = false;
      co_await sleep(0ns);
    }
  };
  static constexpr auto begin = [](event& set) -> coro<> {
    set.set();
    create_task(task_options{.pin = true, .loop = &current_runtime().loop(1)}, goes_on, std::ref(set));
    co_return;
  };
  static constexpr auto some_turns = []() -> coro<> { co_await settle(7); };
  int looks_inside = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    event set;
    const simulation active(seed, extreme(2));
    runner r(active.run_settings());
    r.run(begin(set));
    for (int i = 0; i < 5; ++i) {
      r.run(some_turns());
      looks_inside += inside ? 1 : 0;
    }
    r.close();
  }
  CHECK(looks_inside == 0);
}
