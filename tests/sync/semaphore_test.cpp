// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <algorithm>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> take(semaphore& s, std::string& log, const char* name) {
  co_await s.acquire();
  log += name;
}

}  // namespace

LOOP_TEST("SEM-001: a free permit is taken without suspending", "[sync][semaphore]") {
  semaphore s(2);
  const turn_probe turn;
  const bool first = co_await s.acquire();
  CHECK(first);
  CHECK_FALSE(s.locked());
  co_await s.acquire();
  CHECK(s.locked());
  CHECK_FALSE(turn.taken());
  s.release();
  CHECK_FALSE(s.locked());
  s.release();
}

TEST_CASE("SEM-002: a value below 0 is refused; 0 starts locked", "[sync][semaphore]") {
  CHECK_THROWS_AS(semaphore(-1), value_error);
  CHECK_THROWS_AS(bounded_semaphore(-1), value_error);
  const semaphore zero(0);
  CHECK(zero.locked());
}

LOOP_TEST("SEM-003: it is locked while somebody queues", "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  const task<> a = create_task(take(s, log, "a"));
  const task<> b = create_task(take(s, log, "b"));
  co_await settle(2);
  s.release();
  CHECK(s.locked());
  co_await a;
  CHECK(s.locked());
  s.release();
  co_await b;
}

LOOP_TEST("SEM-004: waiters are served first in, first out; newcomers queue behind", "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  const task<> a = create_task(take(s, log, "a"));
  const task<> b = create_task(take(s, log, "b"));
  co_await settle(2);
  s.release();
  const task<> c = create_task(take(s, log, "c"));
  s.release();
  s.release();
  co_await gather(a, b, c);
  CHECK(log == "abc");
}

LOOP_TEST("SEM-005: release() wakes one waiter and does not run it", "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  const task<> a = create_task(take(s, log, "a"));
  const task<> b = create_task(take(s, log, "b"));
  co_await settle(2);
  s.release();
  CHECK(log.empty());
  co_await settle(3);
  CHECK(log == "a");
  s.release();
  co_await b;
}

LOOP_TEST("SEM-006: several releases in one step let as many through in one iteration", "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  std::vector<task<>> waiters;
  for (const char* name : {"a", "b", "c"}) waiters.push_back(create_task(take(s, log, name)));
  co_await settle(2);
  s.release();
  s.release();
  co_await sleep(0ns);
  CHECK(log == "ab");
  s.release();
  co_await gather(waiters);
  CHECK(log == "abc");
}

LOOP_TEST("SEM-007: a cancelled waiter leaves the queue", "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  const task<> a = create_task(take(s, log, "a"));
  const task<> b = create_task(take(s, log, "b"));
  co_await settle(2);
  a.cancel();
  co_await settle(2);
  s.release();
  co_await b;
  CHECK(a.cancelled());
  CHECK(log == "b");
}

LOOP_TEST("SEM-007: a waiter cancelled in the instant it is granted passes its permit on", "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  const task<> a = create_task(take(s, log, "a"));
  const task<> b = create_task(take(s, log, "b"));
  co_await settle(2);
  s.release();
  a.cancel();
  co_await b;
  CHECK(a.cancelled());
  CHECK(log == "b");
  CHECK(s.locked());
}

LOOP_TEST("SEM-007: the only waiter cancelled in the instant it is granted gives its permit back",
          "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  const task<> a = create_task(take(s, log, "a"));
  co_await settle(2);
  s.release();
  a.cancel();
  const std::string how = co_await outcome(a);
  CHECK(how == "cancelled");
  CHECK_FALSE(s.locked());
  co_await s.acquire();
  CHECK(s.locked());
}

LOOP_TEST("SEM-008: several waiters are cancelled, one release goes to the first one left, alone",
          "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  std::vector<task<>> waiters;
  for (const char* name : {"a", "b", "c", "d"}) waiters.push_back(create_task(take(s, log, name)));
  co_await settle(2);
  waiters[0].cancel();
  waiters[1].cancel();
  s.release();
  co_await settle(4);
  CHECK(log == "c");
  CHECK_FALSE(waiters[3].done());
  s.release();
  co_await waiters[3];
  CHECK(log == "cd");
}

LOOP_TEST("SEM-009: a plain semaphore may be released above its initial value", "[sync][semaphore]") {
  semaphore s(1);
  s.release();
  co_await s.acquire();
  co_await s.acquire();
  CHECK(s.locked());
}

LOOP_TEST("FAULT-14, SEM-010: a bounded semaphore refuses that and keeps its value", "[sync][semaphore]") {
  bounded_semaphore s(1);
  CHECK_THROWS_AS(s.release(), value_error);
  co_await s.acquire();
  CHECK(s.locked());
  s.release();
  CHECK_FALSE(s.locked());
  CHECK_THROWS_AS(s.release(), value_error);
}

LOOP_TEST("SEM-011: its text", "[sync][semaphore]") {
  semaphore s(1);
  std::string log;
  CHECK(to_string(s) == "<Semaphore [unlocked, value:1]>");
  co_await s.acquire();
  CHECK(to_string(s) == "<Semaphore [locked]>");
  const task<> a = create_task(take(s, log, "a"));
  co_await settle(2);
  CHECK(to_string(s) == "<Semaphore [locked, waiters:1]>");
  s.release();
  co_await a;
  const bounded_semaphore bounded(3);
  CHECK(to_string(bounded) == "<BoundedSemaphore [unlocked, value:3]>");
}

LOOP_TEST("semaphore: no more tasks inside than permits", "[sync][semaphore]") {
  semaphore s(3);
  int inside = 0;
  int most = 0;
  const auto body = [](semaphore& shared, int& now, int& peak) -> coro<> {
    const auto held = co_await shared.scoped();
    peak = std::max(peak, ++now);
    co_await sleep(0ns);
    --now;
  };
  std::vector<coro<>> bodies;
  for (int i = 0; i < 100; ++i) bodies.push_back(body(s, inside, most));
  co_await gather(std::move(bodies));
  CHECK(most == 3);
  CHECK(inside == 0);
}

LOOP_TEST("semaphore: a scope gives its permit back when its task is cancelled", "[sync][semaphore]") {
  semaphore s(1);
  const auto body = [](semaphore& shared) -> coro<> {
    const auto held = co_await shared.scoped();
    co_await sleep(1h);
  };
  const task<> t = create_task(body, std::ref(s));
  co_await settle(2);
  CHECK(s.locked());
  t.cancel();
  co_await settle(2);
  CHECK_FALSE(s.locked());
}
