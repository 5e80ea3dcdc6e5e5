// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <loop/loop_core.hpp>

#include <limits>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> sleeper(std::string& log, const char* name, std::chrono::milliseconds d) {
  co_await sleep(d);
  log += name;
}

coro<> turns(std::string& log, const char* name, int count) {
  for (int i = 0; i < count; ++i) {
    log += name;
    co_await sleep(0ns);
  }
}

}  // namespace

LOOP_TEST("LOOP-046: sleep lets the time pass and gives its second argument back", "[flow][sleep]") {
  const auto start = get_running_loop().now();
  const std::string value = co_await sleep(2ms, std::string("value"));
  CHECK(value == "value");
  CHECK(get_running_loop().now() - start >= 2ms);
}

LOOP_TEST("LOOP-046: sleepers wake by deadline", "[flow][sleep]") {
  std::string log;
  co_await gather(sleeper(log, "c", 9ms), sleeper(log, "a", 1ms), sleeper(log, "b", 5ms));
  CHECK(log == "abc");
}

LOOP_TEST("FAULT-18, LOOP-047: sleep(0) or less yields exactly one iteration", "[flow][sleep]") {
  std::string log;
  const task<> other = create_task(turns(log, "o", 3));
  co_await sleep(0ns);
  log += "m";
  co_await sleep(-1s);
  log += "m";
  co_await other;
  CHECK(log == "omomo");
}

LOOP_TEST("FAULT-19, LOOP-048: sleep(NaN) is refused", "[flow][sleep]") {
  const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
  bool refused = false;
  try {
    co_await sleep(nan);
  } catch (const value_error&) {
    refused = true;
  }
  CHECK(refused);
}

LOOP_TEST("LOOP-049: a cancelled sleep ends at once and leaves no timer", "[flow][sleep]") {
  std::string log;
  const task<> t = create_task(sleeper(log, "never", 3'600'000ms));
  co_await settle(2);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(log.empty());
}

LOOP_TEST("LOOP-049: a thousand sleeps, most of them cancelled", "[flow][sleep]") {
  std::string log;
  std::vector<task<>> tasks;
  for (int i = 0; i < 1000; ++i) {
    const auto delay = i % 100 == 0 ? std::chrono::milliseconds(2) : std::chrono::milliseconds(3'600'000);
    tasks.push_back(create_task(sleeper(log, "x", delay)));
  }
  co_await settle(2);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (i % 100 != 0) tasks[i].cancel();
  }
  static_cast<void>(co_await wait(tasks));
  CHECK(log == std::string(10, 'x'));
}

// The two threads that do this are one here: whoever fires the timers of a loop that is stuck comes after the cancel.
TEST_CASE("sleep: a timer that comes due after the cancel leaves nothing to the task's next wait", "[flow][sleep]") {
  static constexpr auto sleeps_twice = [](bool& again) -> coro<> {
    try {
      co_await sleep(1ms);
    } catch (const cancelled_error&) {
    }
    again = true;
    co_await sleep(1h);
  };
  const auto main = []() -> coro<std::string> {
    bool again = false;
    const task<> t = create_task(sleeps_twice, std::ref(again));
    const event_loop::time_point due = get_running_loop().now() + 10ms;
    co_await settle();
    t.cancel();
    auto& loop = get_running_loop().core();
    while (get_running_loop().now() < due) {
    }
    loop.timers->fire_due_elsewhere(loop.now());
    co_await settle();
    std::string seen = again ? "sleeps again, " : "ended, ";
    seen += t.done() ? "done" : "not done";
    t.cancel();
    co_await wait(t);
    co_return seen;
  };
  CHECK(run(main(), run_options().loops(1).order(run_order::fork_join)) == "sleeps again, not done");
}
