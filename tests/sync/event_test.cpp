// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> await_event(event& e, std::string& log, const char* name) {
  co_await e.wait();
  log += name;
}

}  // namespace

LOOP_TEST("EVENT-001: wait() on a set event does not suspend", "[sync][event]") {
  event e;
  CHECK_FALSE(e.is_set());
  e.set();
  CHECK(e.is_set());
  const turn_probe turn;
  const bool value = co_await e.wait();
  CHECK(value);
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("EVENT-002: set() wakes all waiters, and later waits pass until clear()", "[sync][event]") {
  event e;
  std::string log;
  const task<> a = create_task(await_event(e, log, "a"));
  const task<> b = create_task(await_event(e, log, "b"));
  co_await settle(2);
  e.set();
  co_await a;
  co_await b;
  co_await e.wait();
  e.clear();
  CHECK_FALSE(e.is_set());
  const task<> c = create_task(await_event(e, log, "c"));
  co_await settle(3);
  CHECK_FALSE(c.done());
  e.set();
  co_await c;
  CHECK(log == "abc");
}

LOOP_TEST("EVENT-003: waiters run in the order in which they came", "[sync][event]") {
  event e;
  std::string log;
  std::vector<task<>> waiters;
  for (const char* name : {"a", "b", "c", "d"}) waiters.push_back(create_task(await_event(e, log, name)));
  co_await settle(2);
  e.set();
  CHECK(log.empty());
  co_await gather(waiters);
  CHECK(log == "abcd");
}

LOOP_TEST("EVENT-004: set() followed by clear() wakes those who waited", "[sync][event]") {
  event e;
  std::string log;
  const task<> a = create_task(await_event(e, log, "a"));
  co_await settle(2);
  e.set();
  e.clear();
  co_await a;
  CHECK(log == "a");
  CHECK_FALSE(e.is_set());
}

LOOP_TEST("EVENT-005: set() twice is harmless", "[sync][event]") {
  event e;
  std::string log;
  const task<> a = create_task(await_event(e, log, "a"));
  co_await settle(2);
  e.set();
  e.set();
  co_await a;
  CHECK(log == "a");
}

LOOP_TEST("EVENT-006: a cancelled waiter is removed", "[sync][event]") {
  event e;
  std::string log;
  const task<> a = create_task(await_event(e, log, "a"));
  const task<> b = create_task(await_event(e, log, "b"));
  co_await settle(2);
  a.cancel();
  co_await settle(2);
  CHECK(a.cancelled());
  CHECK(to_string(e) == "<Event [unset, waiters:1]>");
  e.set();
  co_await b;
  CHECK(log == "b");
}

LOOP_TEST("EVENT-006: a waiter cancelled in the instant of set() ends cancelled", "[sync][event]") {
  event e;
  std::string log;
  const task<> a = create_task(await_event(e, log, "a"));
  const task<> b = create_task(await_event(e, log, "b"));
  co_await settle(2);
  e.set();
  a.cancel();
  co_await b;
  CHECK(a.cancelled());
  CHECK(log == "b");
}

LOOP_TEST("EVENT-007: its text", "[sync][event]") {
  event e;
  std::string log;
  CHECK(to_string(e) == "<Event [unset]>");
  const task<> a = create_task(await_event(e, log, "a"));
  co_await settle(2);
  CHECK(to_string(e) == "<Event [unset, waiters:1]>");
  e.set();
  co_await a;
  CHECK(to_string(e) == "<Event [set]>");
}
