// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <optional>
#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

/// Takes the lock, waits, logs `name`, and keeps the lock or frees it.
coro<bool> wait_and_keep(condition& c, std::string& log, const char* name) {
  co_await c.acquire();
  const bool value = co_await c.wait();
  log += name;
  co_return value;
}

coro<> wait_and_free(condition& c, std::string& log, const char* name) {
  const bool value = co_await wait_and_keep(c, log, name);
  if (value) c.release();
}

coro<> notify_once(condition& c, std::ptrdiff_t n = 1) {
  const auto held = co_await c.scoped();
  c.notify(n);
}

/// Waits with the lock held, and says in `held` whether it is held when the error leaves.
coro<> wait_watched(condition& c, bool& held) {
  co_await c.acquire();
  std::exception_ptr error;
  try {
    co_await c.wait();
  } catch (...) {
    error = std::current_exception();
  }
  held = c.locked();
  c.release();
  if (error != nullptr) std::rethrow_exception(error);
}

/// Takes items, one a wait, until there are fewer than none.
coro<> consume(condition& c, int& items) {
  const auto held = co_await c.scoped();
  for (;;) {
    co_await c.wait_for([&items] { return items != 0; });
    if (items < 0) co_return;
    --items;
  }
}

coro<> until_none(condition& c, int& items) {
  co_await c.wait_for([&items] { return items == 0; });
}

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const cancelled_error& e) {
    return e.what();
  }
}

}  // namespace

LOOP_TEST("FAULT-15, COND-001: wait() and notify() without the lock are errors", "[sync][condition]") {
  condition c;
  const std::string how = co_await outcome(c.wait());
  CHECK(how == "error: cannot wait on un-acquired lock");
  CHECK_THROWS_WITH(c.notify(), "cannot notify on un-acquired lock");
  CHECK_THROWS_AS(c.notify_all(), error);
  CHECK_FALSE(c.locked());
}

LOOP_TEST("COND-002: wait() frees the lock, waits, takes it again and gives true", "[sync][condition]") {
  condition c;
  std::string log;
  const task<bool> waiter = create_task(wait_and_keep(c, log, "a"));
  co_await settle(2);
  CHECK_FALSE(c.locked());
  co_await notify_once(c);
  const bool value = co_await waiter;
  CHECK(value);
  CHECK(c.locked());
  c.release();
}

LOOP_TEST("COND-003: notify(n) wakes n waiters, first in, first out", "[sync][condition]") {
  condition c;
  std::string log;
  std::vector<task<>> waiters;
  for (const char* name : {"a", "b", "c", "d"}) waiters.push_back(create_task(wait_and_free(c, log, name)));
  co_await settle(2);
  co_await notify_once(c);
  co_await settle(3);
  CHECK(log == "a");
  co_await notify_once(c, 2);
  co_await settle(3);
  CHECK(log == "abc");
  co_await notify_once(c, 2048);
  co_await gather(waiters);
  CHECK(log == "abcd");
}

LOOP_TEST("COND-003: notify_all() wakes all; neither is remembered", "[sync][condition]") {
  condition c;
  std::string log;
  co_await notify_once(c, 5);
  const task<> a = create_task(wait_and_free(c, log, "a"));
  const task<> b = create_task(wait_and_free(c, log, "b"));
  co_await settle(4);
  CHECK(log.empty());
  co_await c.acquire();
  c.notify(0);
  c.notify(-1);
  c.notify_all();
  c.notify_all();
  c.release();
  co_await a;
  co_await b;
  CHECK(log == "ab");
}

LOOP_TEST("COND-004: a notified waiter goes on once it has the lock", "[sync][condition]") {
  condition c;
  std::string log;
  const task<bool> a = create_task(wait_and_keep(c, log, "a"));
  const task<bool> b = create_task(wait_and_keep(c, log, "b"));
  co_await settle(2);
  co_await c.acquire();
  c.notify(2);
  co_await settle(4);
  CHECK(log.empty());
  c.release();
  co_await sleep(0ns);
  CHECK(log == "a");
  CHECK(c.locked());
  co_await settle(3);
  CHECK_FALSE(b.done());
  c.release();
  co_await b;
  CHECK(log == "ab");
  c.release();
}

LOOP_TEST("COND-005: wait_for() waits until its predicate is true and gives that value", "[sync][condition]") {
  condition c;
  int value = 0;
  int looks = 0;
  const auto body = [](condition& shared, int& number, int& count) -> coro<std::optional<int>> {
    const auto held = co_await shared.scoped();
    co_return co_await shared.wait_for([&]() -> std::optional<int> {
      ++count;
      return number > 1 ? std::optional<int>(number) : std::nullopt;
    });
  };
  const task<std::optional<int>> waiter = create_task(body, std::ref(c), std::ref(value), std::ref(looks));
  co_await settle(2);
  for (value = 1; value <= 2; ++value) {
    co_await notify_once(c);
    co_await settle(2);
    CHECK(waiter.done() == (value == 2));
  }
  CHECK(waiter.result() == 2);
  CHECK(looks == 3);
}

LOOP_TEST("COND-005: what the predicate throws leaves wait_for() with the lock held", "[sync][condition]") {
  condition c;
  bool fails = false;
  const auto body = [](condition& shared, bool& failing) -> coro<> {
    co_await shared.acquire();
    co_await shared.wait_for([&failing]() -> bool { return failing ? throw std::runtime_error("predicate") : false; });
  };
  const task<> waiter = create_task(body, std::ref(c), std::ref(fails));
  co_await settle(2);
  fails = true;
  co_await notify_once(c);
  const std::string how = co_await outcome(waiter);
  CHECK(how == "error: predicate");
  CHECK(c.locked());
  c.release();
}

LOOP_TEST("COND-006: wait_for() looks before it needs the lock", "[sync][condition]") {
  condition c;
  const turn_probe turn;
  const int value = co_await c.wait_for([] { return 7; });
  CHECK(value == 7);
  CHECK_FALSE(turn.taken());
  const std::string how = co_await outcome(c.wait_for([] { return false; }));
  CHECK(how == "error: cannot wait on un-acquired lock");
}

LOOP_TEST("COND-007: a cancelled wait takes the lock again before the error leaves", "[sync][condition]") {
  condition c;
  bool held = false;
  const task<> waiter = create_task(wait_watched(c, held));
  co_await settle(2);
  co_await c.acquire();
  waiter.cancel();
  co_await settle(4);
  CHECK_FALSE(waiter.done());
  c.release();
  const std::string how = co_await outcome(waiter);
  CHECK(how == "cancelled");
  CHECK(held);
  CHECK_FALSE(c.locked());
}

LOOP_TEST("COND-007: a cancelled waiter is no waiter any more", "[sync][condition]") {
  condition c;
  std::string log;
  const task<> a = create_task(wait_and_free(c, log, "a"));
  const task<> b = create_task(wait_and_free(c, log, "b"));
  co_await settle(2);
  a.cancel();
  co_await settle(1);
  CHECK(a.cancelled());
  c.release();  // the cancelled body left without doing so
  co_await notify_once(c);
  co_await b;
  CHECK(log == "b");
}

LOOP_TEST("COND-008: a cancel while it takes the lock again does not stop it", "[sync][condition]") {
  condition c;
  bool held = false;
  const task<> waiter = create_task(wait_watched(c, held));
  co_await settle(2);
  co_await c.acquire();
  c.notify();
  co_await settle(2);
  for (int i = 0; i < 3; ++i) {
    waiter.cancel();
    co_await settle(2);
    CHECK_FALSE(waiter.done());
  }
  c.release();
  const std::string how = co_await outcome(waiter);
  CHECK(how == "cancelled");
  CHECK(held);
}

LOOP_TEST("COND-008: cancelled in the instant in which it gets the lock", "[sync][condition]") {
  condition c;
  bool held = false;
  const task<> waiter = create_task(wait_watched(c, held));
  co_await settle(2);
  co_await c.acquire();
  c.notify();
  co_await settle(2);
  c.release();
  waiter.cancel();
  const std::string how = co_await outcome(waiter);
  CHECK(how == "cancelled");
  CHECK(held);
  CHECK_FALSE(c.locked());
}

LOOP_TEST("COND-009: the error that leaves is the one that was delivered", "[sync][condition]") {
  condition c;
  const auto body = [](condition& shared, std::string& message) -> coro<> {
    const auto held = co_await shared.scoped();
    std::exception_ptr caught;
    try {
      co_await shared.wait();
    } catch (const cancelled_error&) {
      caught = std::current_exception();
    }
    message = message_of(caught);
  };
  std::string waiting;
  std::string taking;
  const task<> a = create_task(body, std::ref(c), std::ref(waiting));
  co_await settle(2);
  a.cancel("while it waits");
  co_await a;
  CHECK(waiting == "while it waits");

  const task<> b = create_task(body, std::ref(c), std::ref(taking));
  co_await settle(2);
  co_await c.acquire();
  b.cancel("first");
  co_await settle(2);
  b.cancel("while it takes the lock");
  c.release();
  co_await b;
  CHECK(taking == "while it takes the lock");
}

LOOP_TEST("COND-010: a waiter notified and cancelled at once passes the notification on", "[sync][condition]") {
  condition c;
  int items = 0;
  const task<> first = create_task(consume(c, items));
  const task<> second = create_task(consume(c, items));
  co_await settle(2);
  co_await c.acquire();
  ++items;
  c.notify();
  first.cancel();
  const std::string how = co_await outcome(wait_for(until_none(c, items), 10ms));
  CHECK(how == "timeout");  // nobody notifies when the item is gone
  CHECK(items == 0);
  CHECK(first.cancelled());
  items = -1;
  c.notify_all();
  c.release();
  co_await second;
}

LOOP_TEST("COND-011: so does one that is cancelled while it takes the lock again", "[sync][condition]") {
  condition c;
  int items = 0;
  const task<> first = create_task(consume(c, items));
  const task<> second = create_task(consume(c, items));
  co_await settle(2);
  co_await c.acquire();
  ++items;
  c.notify();
  co_await settle(2);
  first.cancel();
  const std::string how = co_await outcome(wait_for(until_none(c, items), 10ms));
  CHECK(how == "timeout");
  CHECK(items == 0);
  items = -1;
  c.notify_all();
  c.release();
  co_await second;
}

LOOP_TEST("COND-012: a timeout around wait() leaves the lock held", "[sync][condition]") {
  condition c;
  co_await c.acquire();
  const std::string how = co_await outcome(wait_for(c.wait(), 500ms));
  CHECK(how == "timeout");
  CHECK(c.locked());
  c.release();
}

LOOP_TEST("COND-013: conditions may share a lock", "[sync][condition]") {
  lock l;
  condition full(l);
  condition empty(l);
  std::string log;
  const task<> a = create_task(wait_and_free(full, log, "full "));
  const task<> b = create_task(wait_and_free(empty, log, "empty "));
  co_await settle(2);
  co_await l.acquire();
  CHECK(full.locked());
  CHECK(empty.locked());
  empty.notify();
  full.release();
  CHECK_FALSE(l.locked());
  co_await b;
  CHECK_FALSE(a.done());
  co_await notify_once(full);
  co_await a;
  CHECK(log == "empty full ");
}

LOOP_TEST("COND-014: as a scope it holds the lock", "[sync][condition]") {
  condition c;
  const bool inside = co_await with(c, [](condition& held) -> coro<bool> { co_return held.locked(); });
  CHECK(inside);
  CHECK_FALSE(c.locked());
  {
    const auto held = co_await c.scoped();
    CHECK(c.locked());
  }
  CHECK_FALSE(c.locked());
}

LOOP_TEST("COND-015: its text", "[sync][condition]") {
  condition c;
  std::string log;
  CHECK(to_string(c) == "<Condition [unlocked]>");
  const task<> a = create_task(wait_and_free(c, log, "a"));
  const task<> b = create_task(wait_and_free(c, log, "b"));
  co_await settle(2);
  CHECK(to_string(c) == "<Condition [unlocked, waiters:2]>");
  co_await c.acquire();
  CHECK(to_string(c) == "<Condition [locked, waiters:2]>");
  c.notify_all();
  c.release();
  co_await a;
  co_await b;
}

LOOP_TEST("condition: a cancel pending at the call ends the wait, with the lock held", "[sync][condition]") {
  condition c;
  const auto body = [](condition& shared) -> coro<bool> {
    co_await shared.acquire();
    current_task().cancel();
    std::exception_ptr error;
    try {
      co_await shared.wait();
    } catch (const cancelled_error&) {
      error = std::current_exception();
    }
    const bool held = shared.locked();
    shared.release();
    co_return error != nullptr&& held;
  };
  const bool right = co_await create_task(body, std::ref(c));
  CHECK(right);
  CHECK(to_string(c) == "<Condition [unlocked]>");
}

LOOP_TEST("condition: who waits for the lock goes before a waiter whose cancel was pending", "[sync][condition]") {
  condition c;
  std::string log;
  const auto wait_cancelled = [](condition& shared, std::string& out) -> coro<> {
    co_await shared.acquire();
    co_await settle(2);
    current_task().cancel();
    try {
      co_await shared.wait();
    } catch (const cancelled_error&) {
      out += 'a';
    }
    shared.release();
  };
  const auto take_lock = [](condition& shared, std::string& out) -> coro<> {
    co_await shared.acquire();
    out += 'b';
    get_running_loop().call_soon([&out] { out += '|'; });
    shared.release();
  };
  const task<> waiter = create_task(wait_cancelled, std::ref(c), std::ref(log));
  const task<> other = create_task(take_lock, std::ref(c), std::ref(log));
  co_await other;
  co_await waiter;
  CHECK(log == "ba|");  // it frees the lock again before the waiter asks for it
}

LOOP_TEST("condition: a bounded buffer", "[sync][condition]") {
  lock l;
  condition not_full(l);
  condition not_empty(l);
  std::vector<int> buffer;
  std::vector<int> taken;
  const auto produce = [](condition& room, condition& filled, std::vector<int>& into) -> coro<> {
    for (int i = 0; i < 50; ++i) {
      const auto held = co_await room.scoped();
      co_await room.wait_for([&into] { return into.size() < 3; });
      into.push_back(i);
      filled.notify();
    }
  };
  const task<> producer = create_task(produce, std::ref(not_full), std::ref(not_empty), std::ref(buffer));
  while (taken.size() < 50) {
    const auto held = co_await not_empty.scoped();
    co_await not_empty.wait_for([&buffer] { return !buffer.empty(); });
    taken.push_back(buffer.front());
    buffer.erase(buffer.begin());
    not_full.notify();
  }
  co_await producer;
  bool ordered = true;
  for (int i = 0; i < 50; ++i) ordered = ordered && taken[static_cast<std::size_t>(i)] == i;
  CHECK(ordered);
}
