// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> take(lock& l, std::string& log, const char* name, int turns) {
  co_await l.acquire();
  log += std::string(name) + "+ ";
  co_await settle(turns);
  log += std::string(name) + "- ";
  l.release();
}

coro<> take_scoped(lock& l, std::string& log, const char* name) {
  const auto held = co_await l.scoped();
  log += name;
  co_await sleep(0ns);
}

coro<> take_only(lock& l, std::string& log, const char* name) {
  co_await l.acquire();
  log += name;
}

coro<int> fail_inside(lock& l) {
  const auto held = co_await l.scoped();
  throw std::runtime_error("inside");
}

}  // namespace

LOOP_TEST("LOCK-001: a free lock is taken without suspending", "[sync][lock]") {
  lock l;
  CHECK_FALSE(l.locked());
  const turn_probe turn;
  const bool taken = co_await l.acquire();
  CHECK(taken);
  CHECK(l.locked());
  CHECK_FALSE(turn.taken());
  l.release();
  CHECK_FALSE(l.locked());
}

LOOP_TEST("LOCK-002: waiters get the lock first in, first out", "[sync][lock]") {
  lock l;
  std::string log;
  co_await gather(take(l, log, "a", 2), take(l, log, "b", 0), take(l, log, "c", 1));
  CHECK(log == "a+ a- b+ b- c+ c- ");
  CHECK_FALSE(l.locked());
}

LOOP_TEST("LOCK-003: a newcomer does not overtake the waiter that was chosen", "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const task<> waiter = create_task(take(l, log, "a", 0));
  co_await settle(2);
  l.release();
  CHECK_FALSE(l.locked());
  co_await l.acquire();
  log += "new ";
  l.release();
  co_await waiter;
  CHECK(log == "a+ a- new ");
}

LOOP_TEST("FAULT-13, LOCK-004: a free lock cannot be released", "[sync][lock]") {
  lock l;
  CHECK_THROWS_AS(l.release(), error);
  co_await l.acquire();
  l.release();
  CHECK_THROWS_AS(l.release(), error);
}

LOOP_TEST("FAULT-13, LOCK-004: any task may release", "[sync][lock]") {
  lock l;
  co_await l.acquire();
  const auto body = [](lock& held) -> coro<> {
    held.release();
    co_return;
  };
  co_await create_task(body, std::ref(l));
  CHECK_FALSE(l.locked());
}

LOOP_TEST("LOCK-005: release() wakes one waiter and does not run it", "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const task<> a = create_task(take_only(l, log, "a"));
  const task<> b = create_task(take_only(l, log, "b"));
  co_await settle(2);
  l.release();
  CHECK(log.empty());
  co_await settle(4);
  CHECK(log == "a");
  l.release();
  co_await b;
  CHECK(log == "ab");
  l.release();
}

LOOP_TEST("LOCK-006: the scope releases at every way out", "[sync][lock]") {
  lock l;
  std::string log;
  co_await take_scoped(l, log, "a");
  CHECK_FALSE(l.locked());
  const std::string how = co_await outcome(fail_inside(l));
  CHECK(how == "error: inside");
  CHECK_FALSE(l.locked());
  const task<> t = create_task(take_scoped(l, log, "b"));
  co_await settle(1);
  CHECK(l.locked());
  t.cancel();
  co_await settle(2);
  CHECK(t.cancelled());
  CHECK_FALSE(l.locked());
}

LOOP_TEST("LOCK-007: a cancelled waiter leaves the queue", "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const task<> a = create_task(take_only(l, log, "a"));
  const task<> b = create_task(take_only(l, log, "b"));
  co_await settle(2);
  a.cancel();
  co_await settle(2);
  CHECK(a.cancelled());
  l.release();
  co_await b;
  CHECK(log == "b");
  l.release();
}

LOOP_TEST("LOCK-007: a waiter cancelled in the instant it is granted passes the lock on", "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const task<> a = create_task(take_only(l, log, "a"));
  const task<> b = create_task(take_only(l, log, "b"));
  co_await settle(2);
  l.release();
  a.cancel();
  co_await b;
  CHECK(a.cancelled());
  CHECK(log == "b");
  l.release();
}

LOOP_TEST("LOCK-007: a waiter that was cancelled wakes nobody while another one has been chosen", "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const auto first = create_task(take, std::ref(l), std::ref(log), "a", 3);
  const auto second = create_task(take, std::ref(l), std::ref(log), "b", 3);
  const auto third = create_task(take, std::ref(l), std::ref(log), "c", 3);
  co_await settle();
  second.cancel();  // it goes on before the first one does, and finds the lock free
  l.release();
  co_await first;
  co_await third;
  CHECK(second.cancelled());
  CHECK(log == "a+ a- c+ c- ");
}

LOOP_TEST("LOCK-007: the only waiter cancelled in the instant it is granted leaves the lock free", "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const task<> a = create_task(take_only(l, log, "a"));
  co_await settle(2);
  l.release();
  a.cancel();
  const std::string how = co_await outcome(a);
  CHECK(how == "cancelled");
  CHECK_FALSE(l.locked());
  co_await l.acquire();
  l.release();
}

LOOP_TEST("LOCK-008: the first waiter is cancelled, then the lock is released", "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const task<> a = create_task(take_only(l, log, "a"));
  const task<> b = create_task(take_only(l, log, "b"));
  const task<> c = create_task(take_only(l, log, "c"));
  co_await settle(2);
  a.cancel();
  l.release();
  co_await b;
  CHECK(log == "b");
  CHECK_FALSE(c.done());
  l.release();
  co_await c;
  CHECK(log == "bc");
  l.release();
}

LOOP_TEST("LOCK-010: the lock is not reentrant", "[sync][lock]") {
  lock l;
  co_await l.acquire();
  const auto again = [](lock& held) -> coro<> { co_await held.acquire(); };
  const std::string how = co_await outcome(wait_for(again(l), 1ms));
  CHECK(how == "timeout");
  l.release();
}

LOOP_TEST("LOCK-012: its text", "[sync][lock]") {
  lock l;
  std::string log;
  CHECK(to_string(l) == "<Lock [unlocked]>");
  co_await l.acquire();
  CHECK(to_string(l) == "<Lock [locked]>");
  const task<> a = create_task(take(l, log, "a", 0));
  const task<> b = create_task(take(l, log, "b", 0));
  co_await settle(2);
  CHECK(to_string(l) == "<Lock [locked, waiters:2]>");
  l.release();
  co_await a;
  co_await b;
}

LOOP_TEST("lock: a thousand waiters", "[sync][lock]") {
  lock l;
  int inside = 0;
  int most = 0;
  int done = 0;
  const auto body = [](lock& shared, int& now, int& peak, int& count) -> coro<> {
    const auto held = co_await shared.scoped();
    peak = std::max(peak, ++now);
    co_await sleep(0ns);
    --now;
    ++count;
  };
  std::vector<coro<>> bodies;
  for (int i = 0; i < 1000; ++i) bodies.push_back(body(l, inside, most, done));
  co_await gather(std::move(bodies));
  CHECK(most == 1);
  CHECK(done == 1000);
}
