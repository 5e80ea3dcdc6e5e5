// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

std::vector<task<std::size_t>> come(barrier& b, int count) {
  std::vector<task<std::size_t>> tasks;
  for (int i = 0; i < count; ++i) tasks.push_back(create_task(b.wait()));
  return tasks;
}

coro<> pass(barrier& b, std::string& log, const char* name) {
  co_await b.wait();
  log += name;
}

/// The outcomes of tasks, each followed by a blank; indices as numbers.
coro<std::string> outcomes(std::vector<task<std::size_t>> tasks) {
  std::string all;
  for (const task<std::size_t>& each : tasks) {
    const std::string how = co_await outcome(each);
    all += how + " ";
  }
  co_return all;
}

constexpr const char* broken_inside = "error: Abort or reset of barrier";
constexpr const char* broken_outside = "error: Barrier aborted";

}  // namespace

LOOP_TEST("FAULT-17, BARRIER-001: fewer than one party is refused", "[sync][barrier]") {
  CHECK_THROWS_WITH(barrier(0), "parties must be > 0");
  CHECK_THROWS_AS(barrier(0), value_error);
  CHECK_THROWS_AS(barrier(-4), value_error);
  const barrier b(1);
  CHECK(b.parties() == 1);
  co_return;
}

LOOP_TEST("BARRIER-002: all go on when the last one has come, each with its index", "[sync][barrier]") {
  barrier b(4);
  const auto first = come(b, 3);
  co_await settle(3);
  for (const auto& each : first) CHECK_FALSE(each.done());
  const std::size_t last = co_await b.wait();
  CHECK(last == 3);
  const std::string all = co_await outcomes(first);
  CHECK(all == "0 1 2 ");
}

LOOP_TEST("BARRIER-002: indices stay different when a waiter was cancelled", "[sync][barrier]") {
  barrier b(3);
  const auto first = come(b, 2);
  co_await settle(2);
  first[0].cancel();
  co_await settle(2);
  const auto more = come(b, 2);
  const std::string kept = co_await outcome(first[1]);
  const std::string fresh = co_await outcomes(more);
  CHECK(kept + " " + fresh == "0 1 2 ");
}

LOOP_TEST("BARRIER-003: with one party nobody waits", "[sync][barrier]") {
  barrier b(1);
  const turn_probe turn;
  for (int i = 0; i < 3; ++i) {
    const std::size_t index = co_await b.wait();
    CHECK(index == 0);
  }
  CHECK_FALSE(turn.taken());
  CHECK(b.n_waiting() == 0);
}

LOOP_TEST("BARRIER-004: it can be used again and again", "[sync][barrier]") {
  barrier b(5);
  std::vector<int> rounds;
  const auto body = [](barrier& shared, std::vector<int>& log) -> coro<> {
    for (int round = 0; round < 4; ++round) {
      co_await shared.wait();
      log.push_back(round);
    }
  };
  std::vector<coro<>> bodies;
  for (int i = 0; i < 5; ++i) bodies.push_back(body(b, rounds));
  co_await gather(std::move(bodies));
  CHECK(rounds.size() == 20);
  CHECK(std::is_sorted(rounds.begin(), rounds.end()));
}

LOOP_TEST("BARRIER-004: who comes while it drains waits for the next round", "[sync][barrier]") {
  barrier b(3);
  std::string log;
  const task<> a = create_task(pass(b, log, "a"));
  const task<> c = create_task(pass(b, log, "c"));
  co_await settle(2);
  co_await b.wait();  // a and c are on their way out
  CHECK(to_string(b) == "<Barrier [draining, waiters:0/3]>");
  const task<> d = create_task(pass(b, log, "d"));
  const task<> e = create_task(pass(b, log, "e"));
  co_await settle(4);
  CHECK(log == "ac");
  CHECK(b.n_waiting() == 2);
  co_await b.wait();
  co_await d;
  co_await e;
  CHECK(log == "acde");
}

LOOP_TEST("BARRIER-005: n_waiting() counts while it fills", "[sync][barrier]") {
  barrier b(3);
  CHECK(b.n_waiting() == 0);
  const auto tasks = come(b, 2);
  CHECK(b.n_waiting() == 0);
  co_await settle(2);
  CHECK(b.n_waiting() == 2);
  CHECK_FALSE(b.broken());
  co_await b.wait();
  CHECK(b.n_waiting() == 0);
  co_await gather(tasks);
  CHECK(b.n_waiting() == 0);
}

LOOP_TEST("BARRIER-006: it drains until the last one has left", "[sync][barrier]") {
  barrier b(4);
  std::string log;
  const auto body = [](barrier& shared, std::string& states) -> coro<> {
    co_await shared.wait();
    states += to_string(shared).find("draining") != std::string::npos ? 'd' : 'f';
  };
  std::vector<coro<>> bodies;
  for (int i = 0; i < 4; ++i) bodies.push_back(body(b, log));
  co_await gather(std::move(bodies));
  CHECK(log == "dddf");
}

LOOP_TEST("BARRIER-007: a cancelled waiter leaves its place to another one", "[sync][barrier]") {
  barrier b(3);
  const auto first = come(b, 2);
  co_await settle(2);
  first[0].cancel();
  co_await settle(2);
  CHECK(first[0].cancelled());
  CHECK(b.n_waiting() == 1);
  CHECK_FALSE(b.broken());
  const auto third = come(b, 1);
  co_await settle(2);
  CHECK(b.n_waiting() == 2);
  co_await b.wait();
  co_await first[1];
  co_await third[0];
}

LOOP_TEST("BARRIER-007: a waiter cancelled in the instant in which the round is full ends cancelled",
          "[sync][barrier]") {
  barrier b(3);
  const auto first = come(b, 2);
  co_await settle(2);
  co_await b.wait();
  first[0].cancel();
  const std::string all = co_await outcomes(first);
  CHECK(all == "cancelled 1 ");
  CHECK(to_string(b) == "<Barrier [filling, waiters:0/3]>");
}

LOOP_TEST("BARRIER-007: a waiter cancelled while it waits for the next round", "[sync][barrier]") {
  barrier b(2);
  const auto first = come(b, 1);
  co_await settle(2);
  co_await b.wait();
  const auto next = come(b, 1);  // starts after the first has left, unless that is late
  co_await sleep(0ns);
  next[0].cancel();
  const std::string left = co_await outcomes(first);
  const std::string how = co_await outcomes(next);
  CHECK(left == "0 ");
  CHECK(how == "cancelled ");
  CHECK(b.n_waiting() == 0);
}

LOOP_TEST("BARRIER-008: reset() of an empty barrier does nothing", "[sync][barrier]") {
  barrier b(2);
  const turn_probe turn;
  co_await b.reset();
  CHECK_FALSE(turn.taken());
  CHECK(to_string(b) == "<Barrier [filling, waiters:0/2]>");
}

LOOP_TEST("BARRIER-008: reset() with waiters ends their round, and it fills again", "[sync][barrier]") {
  barrier b(4);
  const auto first = come(b, 3);
  co_await settle(2);
  co_await b.reset();
  CHECK(to_string(b) == "<Barrier [resetting, waiters:0/4]>");
  CHECK_FALSE(b.broken());
  const auto next = come(b, 4);  // they wait until the others have left
  const std::string ended = co_await outcomes(first);
  std::string expected;
  for (int i = 0; i < 3; ++i) expected += std::string(broken_inside) + " ";
  CHECK(ended == expected);
  const std::string passed = co_await outcomes(next);
  CHECK(passed == "0 1 2 3 ");
}

LOOP_TEST("BARRIER-009: reset() while it drains ends the round of those who are still inside", "[sync][barrier]") {
  barrier b(5);
  std::string log;
  int out = 0;
  const auto body = [](barrier& shared, std::string& states, int& count) -> coro<> {
    bool broken = false;
    try {
      co_await shared.wait();
    } catch (const broken_barrier_error&) {
      broken = true;
    }
    states += broken ? 'x' : 'o';
    if (!broken && ++count == 3) co_await shared.reset();
  };
  std::vector<coro<>> bodies;
  for (int i = 0; i < 5; ++i) bodies.push_back(body(b, log, out));
  co_await gather(std::move(bodies));
  CHECK(log == "oooxx");
  CHECK(to_string(b) == "<Barrier [filling, waiters:0/5]>");
}

LOOP_TEST("BARRIER-009: reset() while it drains lets those outside go on to the next round", "[sync][barrier]") {
  barrier b(3);
  const auto first = come(b, 2);
  co_await settle(2);
  co_await b.wait();
  const auto outside = come(b, 2);
  co_await b.reset();
  const std::string ended = co_await outcomes(first);
  CHECK(ended == std::string(broken_inside) + " " + broken_inside + " ");
  co_await settle(2);
  CHECK(b.n_waiting() == 2);
  co_await b.wait();
  const std::string passed = co_await outcomes(outside);
  CHECK(passed == "0 1 ");
}

LOOP_TEST("BARRIER-010: abort() breaks it for those who wait and those who come", "[sync][barrier]") {
  barrier b(3);
  const auto first = come(b, 2);
  co_await settle(2);
  co_await b.abort();
  CHECK(b.broken());
  CHECK(b.n_waiting() == 0);
  const std::string ended = co_await outcomes(first);
  CHECK(ended == std::string(broken_inside) + " " + broken_inside + " ");
  const std::string refused = co_await outcome(b.wait());
  CHECK(refused == broken_outside);
  co_await b.reset();
  CHECK_FALSE(b.broken());
  const auto again = come(b, 3);
  const std::string passed = co_await outcomes(again);
  CHECK(passed == "0 1 2 ");
}

LOOP_TEST("BARRIER-010: a task that fails between two rounds aborts the second one", "[sync][barrier]") {
  barrier b(5);
  int broken = 0;
  const auto body = [](barrier& shared, int& count) -> coro<> {
    bool failed = false;
    try {
      const std::size_t index = co_await shared.wait();
      if (index == 2) throw std::runtime_error("between");
      co_await shared.wait();
    } catch (const broken_barrier_error&) {
      ++count;
    } catch (const std::runtime_error&) {
      failed = true;
    }
    if (failed) co_await shared.abort();
  };
  std::vector<coro<>> bodies;
  for (int i = 0; i < 5; ++i) bodies.push_back(body(b, broken));
  co_await gather(std::move(bodies));
  CHECK(broken == 4);
  CHECK(b.broken());
}

LOOP_TEST("BARRIER-011: abort() while it drains breaks those inside and those outside", "[sync][barrier]") {
  barrier b(5);
  std::string log;
  int out = 0;
  const auto body = [](barrier& shared, std::string& states, int& count) -> coro<> {
    char how = 'o';
    try {
      co_await shared.wait();
      if (++count > 2) {
        co_await shared.abort();
      } else {
        how = 'w';
        co_await shared.wait();
        how = '?';
      }
    } catch (const broken_barrier_error&) {
      how = how == 'w' ? 'y' : 'x';
    }
    states += how;
  };
  std::vector<coro<>> bodies;
  for (int i = 0; i < 5; ++i) bodies.push_back(body(b, log, out));
  co_await gather(std::move(bodies));
  std::sort(log.begin(), log.end());
  CHECK(log == "oxxyy");
  CHECK(b.broken());
}

LOOP_TEST("BARRIER-012: as a scope it waits on entry and gives the index", "[sync][barrier]") {
  barrier b(3);
  std::vector<std::size_t> indices;
  const auto body = [](barrier& shared, std::vector<std::size_t>& all) -> coro<> {
    co_await with(shared, [&all](std::size_t& index) -> coro<> {
      all.push_back(index);
      co_return;
    });
  };
  std::vector<coro<>> bodies;
  for (int i = 0; i < 3; ++i) bodies.push_back(body(b, indices));
  co_await gather(std::move(bodies));
  std::sort(indices.begin(), indices.end());
  CHECK(indices == std::vector<std::size_t>{0, 1, 2});
  const auto failing = [](barrier& shared) -> coro<> {
    co_await with(shared, []() -> coro<> {
      throw std::runtime_error("inside");
      co_return;
    });
  };
  barrier one(1);
  const std::string how = co_await outcome(failing(one));
  CHECK(how == "error: inside");
  CHECK_FALSE(one.broken());
}

LOOP_TEST("BARRIER-013: its text", "[sync][barrier]") {
  barrier b(5);
  CHECK(to_string(b) == "<Barrier [filling, waiters:0/5]>");
  auto tasks = come(b, 2);
  co_await sleep(0ns);
  CHECK(to_string(b) == "<Barrier [filling, waiters:2/5]>");
  for (auto& each : come(b, 3)) tasks.push_back(each);
  co_await sleep(0ns);
  CHECK(to_string(b) == "<Barrier [draining, waiters:0/5]>");
  co_await b.reset();
  CHECK(to_string(b) == "<Barrier [resetting, waiters:0/5]>");
  co_await b.abort();
  CHECK(to_string(b) == "<Barrier [broken]>");
  co_await gather(return_exceptions, tasks);
}

LOOP_TEST("barrier: a cancelled waiter makes the next one look again, and so wait behind the others",
          "[sync][barrier]") {
  // asyncio passes a notification on when a waiter is cancelled: the first of those left goes to the end of the list.
  barrier b(4);
  std::string log;
  const task<> gone = create_task(pass(b, log, "-"));
  const task<> first = create_task(pass(b, log, "1"));
  const task<> second = create_task(pass(b, log, "2"));
  co_await settle(2);
  gone.cancel();
  co_await settle(3);
  const task<> third = create_task(pass(b, log, "3"));
  const task<> last = create_task(pass(b, log, "4"));
  co_await last;
  co_await gather(first, second, third);
  CHECK(log == "4213");
}
