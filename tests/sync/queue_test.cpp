// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <memory>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> get_one(queue<int>& q, std::string& log, const char* name) {
  const int item = co_await q.get();
  log += std::string(name) + std::to_string(item) + " ";
}

coro<> put_one(queue<int>& q, std::string& log, const char* name, int item) {
  co_await q.put(item);
  log += std::string(name) + " ";
}

coro<> await_join(queue<int>& q, bool& joined) {
  co_await q.join();
  joined = true;
}

}  // namespace

LOOP_TEST("QUEUE-001: items come out first in, first out", "[sync][queue]") {
  queue<int> q;
  for (int i = 0; i < 100; ++i) q.put_nowait(i);
  bool ordered = true;
  for (int i = 0; i < 100; ++i) {
    const int item = co_await q.get();
    ordered = ordered && item == i;
  }
  CHECK(ordered);
  CHECK(q.empty());
}

LOOP_TEST("FAULT-16, QUEUE-002: without a maxsize it is never full", "[sync][queue]") {
  queue<int> q;
  queue<int> negative(-5);
  for (int i = 0; i < 1000; ++i) {
    co_await q.put(i);
    negative.put_nowait(i);
  }
  CHECK_FALSE(q.full());
  CHECK_FALSE(negative.full());
  CHECK(q.qsize() == 1000);
}

LOOP_TEST("QUEUE-003: put() waits while it is full, and a get lets it through", "[sync][queue]") {
  queue<int> q(1);
  std::string log;
  q.put_nowait(1);
  CHECK(q.full());
  const task<> putter = create_task(put_one(q, log, "put", 2));
  co_await settle(3);
  CHECK_FALSE(putter.done());
  const int first = co_await q.get();
  CHECK(first == 1);
  co_await putter;
  CHECK(q.qsize() == 1);
  CHECK(q.get_nowait() == 2);
}

LOOP_TEST("QUEUE-004: get() waits while it is empty, and a put lets it through", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const task<> getter = create_task(get_one(q, log, "g"));
  co_await settle(3);
  CHECK_FALSE(getter.done());
  q.put_nowait(5);
  CHECK(q.qsize() == 1);
  co_await getter;
  CHECK(log == "g5 ");
}

LOOP_TEST("QUEUE-005: put() with room and get() with an item do not suspend", "[sync][queue]") {
  queue<int> q(2);
  const turn_probe turn;
  co_await q.put(1);
  co_await q.put(2);
  const int first = co_await q.get();
  CHECK(first == 1);
  CHECK_FALSE(turn.taken());
}

TEST_CASE("QUEUE-006: put_nowait when full and get_nowait when empty throw", "[sync][queue]") {
  queue<int> q(1);
  CHECK_THROWS_AS(q.get_nowait(), queue_empty);
  q.put_nowait(1);
  CHECK_THROWS_AS(q.put_nowait(2), queue_full);
  CHECK(q.qsize() == 1);
  CHECK(q.get_nowait() == 1);
}

TEST_CASE("QUEUE-007: qsize, empty, full and maxsize are exact", "[sync][queue]") {
  queue<int> q(2);
  CHECK(q.maxsize() == 2);
  CHECK(q.empty());
  CHECK_FALSE(q.full());
  q.put_nowait(1);
  CHECK_FALSE(q.empty());
  CHECK_FALSE(q.full());
  q.put_nowait(2);
  CHECK(q.full());
  CHECK(q.qsize() == 2);
}

LOOP_TEST("QUEUE-008: waiting putters are served in order", "[sync][queue]") {
  queue<int> q(1);
  std::string log;
  q.put_nowait(0);
  std::vector<task<>> putters;
  putters.push_back(create_task(put_one(q, log, "a", 1)));
  putters.push_back(create_task(put_one(q, log, "b", 2)));
  putters.push_back(create_task(put_one(q, log, "c", 3)));
  co_await settle(2);
  std::string items;
  for (int i = 0; i < 4; ++i) {
    const int item = co_await q.get();
    items += std::to_string(item);
  }
  co_await gather(putters);
  CHECK(items == "0123");
  CHECK(log == "a b c ");
}

LOOP_TEST("QUEUE-009: a woken getter that finds nothing waits again", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const task<> getter = create_task(get_one(q, log, "g"));
  co_await settle(2);
  q.put_nowait(1);
  CHECK(q.get_nowait() == 1);
  co_await settle(3);
  CHECK_FALSE(getter.done());
  q.put_nowait(2);
  co_await getter;
  CHECK(log == "g2 ");
}

LOOP_TEST("QUEUE-010: a cancelled getter leaves no trace", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const task<> getter = create_task(get_one(q, log, "g"));
  co_await settle(2);
  CHECK(to_string(q) == "<Queue maxsize=0 _getters[1]>");
  getter.cancel();
  co_await settle(2);
  CHECK(getter.cancelled());
  CHECK(to_string(q) == "<Queue maxsize=0>");
  q.put_nowait(1);
  CHECK(q.qsize() == 1);
}

LOOP_TEST("QUEUE-011: a getter cancelled after an item woke it wakes the next one", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const task<> a = create_task(get_one(q, log, "a"));
  const task<> b = create_task(get_one(q, log, "b"));
  co_await settle(2);
  q.put_nowait(1);
  a.cancel();
  co_await b;
  CHECK(a.cancelled());
  CHECK(log == "b1 ");
}

LOOP_TEST("QUEUE-011: the only getter cancelled after an item woke it leaves the item", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const task<> a = create_task(get_one(q, log, "a"));
  co_await settle(2);
  q.put_nowait(1);
  a.cancel();
  co_await settle(2);
  CHECK(a.cancelled());
  CHECK(q.qsize() == 1);
  const int item = co_await q.get();
  CHECK(item == 1);
}

LOOP_TEST("QUEUE-012: a cancelled putter puts nothing", "[sync][queue]") {
  queue<int> q(1);
  std::string log;
  q.put_nowait(0);
  const task<> a = create_task(put_one(q, log, "a", 1));
  const task<> b = create_task(put_one(q, log, "b", 2));
  co_await settle(2);
  a.cancel();
  co_await settle(2);
  CHECK(a.cancelled());
  CHECK(q.get_nowait() == 0);
  co_await b;
  CHECK(q.get_nowait() == 2);
  CHECK(q.empty());
}

LOOP_TEST("QUEUE-012: a putter cancelled in the instant there is room wakes the next one", "[sync][queue]") {
  queue<int> q(1);
  std::string log;
  q.put_nowait(0);
  const task<> a = create_task(put_one(q, log, "a", 1));
  const task<> b = create_task(put_one(q, log, "b", 2));
  co_await settle(2);
  CHECK(q.get_nowait() == 0);
  a.cancel();
  co_await b;
  CHECK(a.cancelled());
  CHECK(q.get_nowait() == 2);
}

LOOP_TEST("QUEUE-013: a putter cancelled after a get had freed it ends cancelled", "[sync][queue]") {
  queue<int> q(1);
  std::string log;
  q.put_nowait(0);
  const task<> a = create_task(put_one(q, log, "a", 1));
  co_await settle(2);
  CHECK(q.get_nowait() == 0);
  a.cancel();
  const std::string how = co_await outcome(a);
  CHECK(how == "cancelled");
  CHECK(q.empty());
}

LOOP_TEST("QUEUE-014: join() returns when task_done() was called for every item", "[sync][queue]") {
  queue<int> q;
  co_await q.join();
  q.put_nowait(1);
  q.put_nowait(2);
  bool joined = false;
  const task<> joiner = create_task(await_join(q, joined));
  co_await settle(2);
  static_cast<void>(q.get_nowait());
  q.task_done();
  static_cast<void>(q.get_nowait());
  co_await settle(2);
  CHECK_FALSE(joined);
  q.task_done();
  co_await joiner;
  CHECK(joined);
}

LOOP_TEST("QUEUE-014: all who wait in join() go on", "[sync][queue]") {
  queue<int> q;
  q.put_nowait(1);
  bool first = false;
  bool second = false;
  const task<> a = create_task(await_join(q, first));
  const task<> b = create_task(await_join(q, second));
  co_await settle(2);
  q.task_done();
  co_await settle(2);
  CHECK(first);
  CHECK(second);
  co_await gather(a, b);
}

LOOP_TEST("QUEUE-014: join() does not return to a task that is cancelled", "[sync][queue]") {
  queue<int> q;
  q.put_nowait(1);
  bool joined = false;
  const task<> t = create_task(await_join(q, joined));
  co_await settle(2);
  t.cancel();
  co_await settle(2);
  CHECK(t.cancelled());
  CHECK_FALSE(joined);
}

LOOP_TEST("QUEUE-014: a cancelled join leaves the queue usable", "[sync][queue]") {
  queue<int> q;
  q.put_nowait(1);
  bool joined = false;
  const task<> joiner = create_task(await_join(q, joined));
  co_await settle(2);
  joiner.cancel();
  const std::string how = co_await outcome(joiner);
  CHECK(how == "cancelled");
  static_cast<void>(q.get_nowait());
  q.task_done();
  co_await q.join();
}

TEST_CASE("QUEUE-015: task_done() more often than items were put is refused", "[sync][queue]") {
  queue<int> q;
  CHECK_THROWS_AS(q.task_done(), value_error);
  q.put_nowait(1);
  q.task_done();
  CHECK_THROWS_AS(q.task_done(), value_error);
}

LOOP_TEST("QUEUE-021: its text", "[sync][queue]") {
  queue<int> q(1);
  std::string log;
  CHECK(to_string(q) == "<Queue maxsize=1>");
  q.put_nowait(7);
  CHECK(to_string(q) == "<Queue maxsize=1 _queue=[7] tasks=1>");
  const task<> putter = create_task(put_one(q, log, "p", 8));
  co_await settle(2);
  CHECK(to_string(q) == "<Queue maxsize=1 _queue=[7] _putters[1] tasks=1>");
  static_cast<void>(q.get_nowait());
  co_await putter;
}

LOOP_TEST("queue: a producer and several consumers", "[sync][queue]") {
  queue<int> q(4);
  int sum = 0;
  const auto consume = [](queue<int>& from, int& total) -> coro<> {
    for (;;) {
      const int item = co_await from.get();
      total += item;
      from.task_done();
    }
  };
  std::vector<task<>> consumers;
  for (int i = 0; i < 3; ++i) consumers.push_back(create_task(consume, std::ref(q), std::ref(sum)));
  for (int i = 1; i <= 100; ++i) co_await q.put(i);
  co_await q.join();
  CHECK(sum == 5050);
  for (const task<>& each : consumers) each.cancel();
  const auto ended = co_await gather(return_exceptions, consumers);
  for (const auto& each : ended) CHECK(in_words(each.exception()) == "cancelled");
}

LOOP_TEST("queue: move-only items", "[sync][queue]") {
  queue<std::unique_ptr<int>> q(1);
  co_await q.put(std::make_unique<int>(1));
  const auto put_second = [](queue<std::unique_ptr<int>>& into) -> coro<> {
    co_await into.put(std::make_unique<int>(2));
  };
  const task<> putter = create_task(put_second, std::ref(q));
  co_await settle(2);
  const std::unique_ptr<int> first = co_await q.get();
  const std::unique_ptr<int> second = co_await q.get();
  CHECK(*first == 1);
  CHECK(*second == 2);
  co_await putter;
}
