// SPDX-License-Identifier: BSL-1.0
// Who goes on when, to the turn, and in which order: what asyncio does where a grant meets a cancel or a newcomer.
#include "loop_test.hpp"

#include <string>
#include <utility>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

template <class Primitive>
coro<> take_only(Primitive& p, std::string& log, const char* name) {
  co_await p.acquire();
  log += name;
}

coro<> get_one(queue<int>& q, std::string& log, char name) {
  const int item = co_await q.get();
  log += name + std::to_string(item) + " ";
}

coro<> put_one(queue<int>& q, int item) { co_await q.put(item); }

/// Getters named by one letter each, which wait in this order.
coro<std::vector<task<>>> start_getters(queue<int>& q, std::string& log, std::string names) {
  std::vector<task<>> all;
  for (const char name : names) all.push_back(create_task(get_one(q, log, name)));
  co_await settle(2);
  co_return all;
}

/// Putters of 1 to `count`, which wait in this order for room in a full queue.
coro<std::vector<task<>>> start_putters(queue<int>& q, int count) {
  std::vector<task<>> all;
  for (int item = 1; item <= count; ++item) all.push_back(create_task(put_one(q, item)));
  co_await settle(2);
  co_return all;
}

/// What comes out of a queue of one item, with turns for the putters after each.
coro<std::string> drain(queue<int>& q) {
  std::string out;
  for (; !q.empty(); co_await settle(4)) out += std::to_string(q.get_nowait()) + " ";
  co_return out;
}

}  // namespace

LOOP_TEST("SEM-006: a waiter that goes on lets through all for whom there are permits, in one turn",
          "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  const task<> a = create_task(take_only(s, log, "a"));
  co_await settle(2);
  const task<> b = create_task(take_only(s, log, "b"));
  const task<> c = create_task(take_only(s, log, "c"));
  for (int i = 0; i < 3; ++i) s.release();
  co_await sleep(0ns);
  CHECK(log == "a");  // the others came before it had gone on, and queue
  co_await sleep(0ns);
  CHECK(log == "abc");
  co_await gather(a, b, c);
}

LOOP_TEST("SEM-003: who finds cancelled waiters alone does not queue", "[sync][semaphore]") {
  semaphore s(0);
  std::string log;
  const task<> a = create_task(take_only(s, log, "a"));
  co_await settle(2);
  a.cancel();
  s.release();
  CHECK_FALSE(s.locked());
  const turn_probe turn;
  co_await s.acquire();
  CHECK_FALSE(turn.taken());
  co_await settle(2);
  CHECK(a.cancelled());
}

LOOP_TEST("LOCK-008: released while the first waiter is cancelled, that one wakes the next in its own turn",
          "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const task<> a = create_task(take_only(l, log, "a"));
  const task<> b = create_task(take_only(l, log, "b"));
  co_await settle(2);
  a.cancel();
  l.release();
  co_await sleep(0ns);
  CHECK(log.empty());
  co_await sleep(0ns);
  CHECK(log == "b");
  co_await b;
}

LOOP_TEST("LOCK-002: who finds cancelled waiters alone does not queue", "[sync][lock]") {
  lock l;
  std::string log;
  co_await l.acquire();
  const task<> a = create_task(take_only(l, log, "a"));
  const task<> b = create_task(take_only(l, log, "b"));
  co_await settle(2);
  a.cancel();
  b.cancel();
  l.release();
  const turn_probe turn;
  co_await l.acquire();
  CHECK_FALSE(turn.taken());
  co_await settle(2);
  CHECK(a.cancelled());
  CHECK(b.cancelled());
  CHECK(l.locked());
}

LOOP_TEST("LOCK-006: a scope that was moved releases once, at the end of the latest", "[sync][lock]") {
  lock l;
  {
    auto first = co_await l.scoped();
    {
      const auto second = std::move(first);
      CHECK(l.locked());
    }
    CHECK_FALSE(l.locked());
    co_await l.acquire();
  }
  CHECK(l.locked());
}

LOOP_TEST("QUEUE-009: an item wakes one getter; overtaken, that one waits behind all others", "[sync][queue]") {
  queue<int> q;
  std::string log;
  std::vector<task<>> all = co_await start_getters(q, log, "xyz");
  all.push_back(create_task(get_one(q, log, 'm')));
  all.push_back(create_task(get_one(q, log, 'n')));
  q.put_nowait(1);
  co_await settle(4);
  CHECK(log == "m1 ");
  for (int item = 2; item <= 5; ++item) q.put_nowait(item);
  co_await gather(all);
  CHECK(log == "m1 y2 z3 n4 x5 ");
}

LOOP_TEST("QUEUE-011: a getter that has got its item wakes nobody", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const auto all = co_await start_getters(q, log, "xyz");
  q.put_nowait(1);
  co_await settle(4);
  q.put_nowait(2);
  q.put_nowait(3);
  co_await gather(all);
  CHECK(log == "x1 y2 z3 ");
}

LOOP_TEST("QUEUE-011: a getter cancelled before an item woke it wakes nobody", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const auto all = co_await start_getters(q, log, "wxyz");
  all[0].cancel();
  q.put_nowait(1);
  co_await settle(4);
  q.put_nowait(2);
  q.put_nowait(3);
  co_await settle(4);
  CHECK(log == "x1 y2 z3 ");
}

LOOP_TEST("QUEUE-011: a getter cancelled after its item was taken by others wakes nobody", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const auto all = co_await start_getters(q, log, "xyz");
  q.put_nowait(1);
  CHECK(q.get_nowait() == 1);
  all[0].cancel();
  co_await settle(4);
  q.put_nowait(2);
  q.put_nowait(3);
  co_await settle(4);
  CHECK(log == "y2 z3 ");
}

LOOP_TEST("QUEUE-011: a getter that was overtaken once and is cancelled later wakes nobody", "[sync][queue]") {
  queue<int> q;
  std::string log;
  const auto first = co_await start_getters(q, log, "x");
  q.put_nowait(1);
  CHECK(q.get_nowait() == 1);
  co_await settle(2);
  const auto others = co_await start_getters(q, log, "yzw");
  first[0].cancel();
  q.put_nowait(2);
  co_await settle(4);
  q.put_nowait(3);
  q.put_nowait(4);
  co_await settle(4);
  CHECK(log == "y2 z3 w4 ");
}

LOOP_TEST("QUEUE-018: shutdown() wakes those in join() first, then getters, then putters", "[sync][queue]") {
  queue<int> q(1);
  std::string log;
  const auto get = [](queue<int>& from, std::string& order, char name) -> coro<> {
    static_cast<void>(co_await outcome(from.get()));
    order += name;
  };
  const auto put = [](queue<int>& into, std::string& order) -> coro<> {
    static_cast<void>(co_await outcome(into.put(2)));
    order += 'p';
  };
  const auto join = [](queue<int>& of, std::string& order) -> coro<> {
    co_await of.join();
    order += 'j';
  };
  const auto end = [](queue<int>& of) -> coro<> {
    of.shutdown(true);
    co_return;
  };
  std::vector<task<>> all;
  all.push_back(create_task(get, std::ref(q), std::ref(log), 'x'));
  all.push_back(create_task(get, std::ref(q), std::ref(log), 'y'));
  co_await settle(2);
  all.push_back(create_task(join, std::ref(q), std::ref(log)));
  all.push_back(create_task(put, std::ref(q), std::ref(log)));
  all.push_back(create_task(end, std::ref(q)));
  q.put_nowait(1);  // wakes x, which goes on after all these
  co_await gather(all);
  CHECK(log == "xjyp");
}

LOOP_TEST("QUEUE-012: a putter that has put its item wakes nobody", "[sync][queue]") {
  queue<int> q(1);
  q.put_nowait(0);
  const auto all = co_await start_putters(q, 3);
  const std::string out = co_await drain(q);
  CHECK(out == "0 1 2 3 ");
}

LOOP_TEST("QUEUE-012: a putter cancelled before there was room wakes nobody", "[sync][queue]") {
  queue<int> q(1);
  q.put_nowait(0);
  const auto all = co_await start_putters(q, 4);
  all[0].cancel();
  const std::string out = co_await drain(q);
  CHECK(out == "0 2 3 4 ");
}

LOOP_TEST("QUEUE-012: a putter cancelled after its room was taken by others wakes nobody", "[sync][queue]") {
  queue<int> q(1);
  q.put_nowait(0);
  const auto all = co_await start_putters(q, 3);
  CHECK(q.get_nowait() == 0);
  q.put_nowait(9);
  all[0].cancel();
  co_await settle(4);
  const std::string out = co_await drain(q);
  CHECK(out == "9 2 3 ");
}
