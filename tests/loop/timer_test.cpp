// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <limits>
#include <memory>
#include <string>

using namespace gyre;
using namespace gyre_test;

TEST_CASE("LOOP-005: call_later runs no earlier than its deadline", "[loop][timer]") {
  const auto loop = new_event_loop();
  const auto start = loop->now();
  event_loop::time_point ran;
  loop->call_later(3ms, [&] {
    ran = loop->now();
    loop->stop();
  });
  loop->run_forever();
  CHECK(ran - start >= 3ms);
}

TEST_CASE("FAULT-18, LOOP-006: a negative delay runs in the next iteration", "[loop][timer]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->call_later(-1ms, [&log] { log += "late "; });
  loop->call_later(-5ms, [&log] { log += "later "; });
  loop->stop();
  loop->run_forever();
  CHECK(log == "later late ");
}

TEST_CASE("LOOP-007: call_at uses the clock of now()", "[loop][timer]") {
  const auto loop = new_event_loop();
  const auto when = loop->now() + 2ms;
  bool early = true;
  const timer_handle h = loop->call_at(when, [&] {
    early = loop->now() < when;
    loop->stop();
  });
  CHECK(h.when() == when);
  loop->run_forever();
  CHECK_FALSE(early);
}

TEST_CASE("LOOP-008: timers run by deadline", "[loop][timer]") {
  const auto loop = new_event_loop();
  const auto start = loop->now();
  std::string log;
  for (const int order : {3, 1, 4, 2, 5, 0}) {
    loop->call_at(start - 1ms + std::chrono::microseconds(order), [&log, order] { log += std::to_string(order); });
  }
  loop->stop();
  loop->run_forever();
  CHECK(log == "012345");
}

TEST_CASE("LOOP-009: timers that are due run after the callbacks that were ready", "[loop][timer]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->call_later(-1ms, [&log] { log += "timer "; });
  loop->call_soon([&log] { log += "soon "; });
  loop->stop();
  loop->run_forever();
  CHECK(log == "soon timer ");
}

TEST_CASE("LOOP-010: a cancelled timer does not run and lets its callback go", "[loop][timer]") {
  const auto loop = new_event_loop();
  const auto token = std::make_shared<int>(1);
  bool called = false;
  const timer_handle h = loop->call_later(1h, [&called, token] { called = true; });
  h.cancel();
  CHECK(h.cancelled());
  CHECK(token.use_count() == 1);
  loop->call_later(1ms, [&loop] { loop->stop(); });
  loop->run_forever();
  CHECK_FALSE(called);
}

TEST_CASE("LOOP-010: many timers, most of them cancelled", "[loop][timer]") {
  const auto loop = new_event_loop();
  int ran = 0;
  std::vector<timer_handle> handles;
  for (int i = 0; i < 1000; ++i) {
    handles.push_back(loop->call_later(std::chrono::microseconds(i), [&ran] { ++ran; }));
  }
  for (std::size_t i = 0; i < handles.size(); ++i) {
    if (i % 10 != 0) handles[i].cancel();
  }
  loop->call_later(3ms, [&loop] { loop->stop(); });
  loop->run_forever();
  CHECK(ran == 100);
}

TEST_CASE("LOOP-010: a timer may cancel another that is due in the same iteration", "[loop][timer]") {
  const auto loop = new_event_loop();
  std::string log;
  const auto start = loop->now();
  std::optional<timer_handle> second;
  loop->call_at(start - 2ms, [&] {
    log += "first ";
    second->cancel();
  });
  second = loop->call_at(start - 1ms, [&log] { log += "second "; });
  loop->stop();
  loop->run_forever();
  CHECK(log == "first ");
}

TEST_CASE("timer: a callback may queue timers", "[loop][timer]") {
  const auto loop = new_event_loop();
  int rounds = 0;
  std::function<void()> again = [&] {
    if (++rounds == 5) {
      loop->stop();
    } else {
      loop->call_later(100us, again);
    }
  };
  loop->call_later(0ms, again);
  loop->run_forever();
  CHECK(rounds == 5);
}

TEST_CASE("timer: a delay that is not a number is refused", "[loop][timer]") {
  const auto loop = new_event_loop();
  const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_AS(loop->call_later(nan, [] {}), value_error);
}

TEST_CASE("FAULT-20: a delay past the end of the clock never comes", "[loop][timer]") {
  const auto loop = new_event_loop();
  bool called = false;
  const timer_handle h = loop->call_later(std::chrono::hours::max(), [&called] { called = true; });
  loop->call_later(std::chrono::duration<double>(1e300), [&called] { called = true; });
  loop->call_later(1ms, [&loop] { loop->stop(); });
  loop->run_forever();
  CHECK_FALSE(called);
}

LOOP_TEST("LOOP-008: equal deadlines come in the order that CPython's heap gives them", "[loop][timer]") {
  std::string log;
  event_loop& loop = get_running_loop();
  loop.call_later(1ms, [&log] { log += "first "; });
  const auto when = loop.now() + 4ms;
  loop.call_at(when, [&log] { log += "a "; });
  loop.call_at(when, [&log] { log += "b "; });
  co_await sleep(8ms);
  CHECK(log == "first b a ");
}

LOOP_TEST("LOOP-050: a sleep is rounded up to a millisecond: timers due within it run in one iteration", "[loop][timer]") {
  std::string log;
  event_loop& loop = get_running_loop();
  loop.call_later(500us, [&] {
    log += "a ";
    loop.call_soon([&log] { log += "after a "; });
  });
  loop.call_later(900us, [&log] { log += "b "; });
  co_await sleep(5ms);
  CHECK(log == "a b after a ");
}
