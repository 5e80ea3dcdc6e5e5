// SPDX-License-Identifier: BSL-1.0
// Locks, conditions and barriers that tasks of several loops share: nothing is lost, nothing comes twice, and the order is
// that of the calls.
#include "sync/crowd.hpp"

#include <algorithm>
#include <set>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

/// Starts `body(args..., i)` pinned to one loop after the other, each when the one before waits: `waiting` tells.
template <class Waiting, class F, class... Args>
coro<std::vector<task<>>> start_in_order(int count, Waiting waiting, F body, Args&... args) {
  std::vector<task<>> tasks;
  for (int i = 0; i < count; ++i) {
    const task_options there{.pin = true, .loop = &current_runtime().loop(i % loop_count())};
    tasks.push_back(create_task(there, body, std::ref(args)..., i));
    while (waiting() != i + 1) co_await sleep(0ns);
  }
  co_return tasks;
}

/// N of a text that ends in `waiters:N]>`, or 0.
template <class Primitive>
int waiters_of(const Primitive& p) {
  const std::string text = to_string(p);
  const std::size_t at = text.find("waiters:");
  return at == std::string::npos ? 0 : std::stoi(text.substr(at + 8));
}

std::vector<int> first_numbers(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

struct stock {
  condition changed;
  int tokens = 0;  // under the condition's lock
  std::atomic<int> taken{0};
};

coro<> take_token(stock& s) {
  const auto held = co_await s.changed.scoped();
  co_await s.changed.wait_for([&s] { return s.tokens > 0; });
  --s.tokens;
  ++s.taken;
}

coro<> add_tokens(stock& s, int count) {
  for (int i = 0; i < count; ++i) {
    const auto held = co_await s.changed.scoped();
    ++s.tokens;
    s.changed.notify();
  }
}

}  // namespace

RUNTIME_TEST("LOCK-009: cancels and releases from several loops never give a lock to two tasks", "[sync][lock]") {
  lock l;
  int plain = 0;
  std::atomic<int> wrong{0};
  const auto body = [](lock& shared, int& inside, std::atomic<int>& errors) -> coro<> {
    for (int i = 0; i < 8; ++i) {
      co_await shared.acquire();
      if (++inside != 1) ++errors;
      --inside;
      shared.release();
    }
  };
  const std::vector<task<>> tasks = start_crowd(crowd, body, l, plain, wrong);
  co_await cancel_half(tasks);
  CHECK(wrong == 0);
  CHECK(to_string(l) == "<Lock [unlocked]>");
}

RUNTIME_TEST("LOCK-011: a task of another loop waits for a lock instead of failing", "[sync][lock]") {
  lock l;
  co_await l.acquire();
  const auto body = [](lock& shared) -> coro<> {
    co_await shared.acquire();
    shared.release();
  };
  const task_options there{.pin = true, .loop = &current_runtime().loop(1)};
  const task<> t = create_task(there, body, std::ref(l));
  while (waiters_of(l) != 1) co_await sleep(0ns);
  l.release();
  co_await t;
  CHECK_FALSE(l.locked());
}

RUNTIME_TEST("XLOOP-018: what is freed between the look and the wait is not missed", "[sync][lock][semaphore][queue]") {
  struct gates {
    lock l;
    semaphore s{0};
    queue<int> q;
    std::atomic<int> reached{0};
  };
  const auto pass = [](gates& g) -> coro<> {
    ++g.reached;
    co_await g.s.acquire();
    ++g.reached;
    co_await g.l.acquire();
    g.l.release();
    ++g.reached;
    co_await g.q.join();
  };
  for (int round = 0; round < 8; ++round) {
    gates g;
    g.q.put_nowait(round);
    co_await g.l.acquire();
    const task_options there{.pin = true, .loop = &current_runtime().loop(1)};
    const task<> t = create_task(there, pass, std::ref(g));
    co_await reach(g.reached, 1);
    g.s.release();
    co_await reach(g.reached, 2);
    g.l.release();
    co_await reach(g.reached, 3);
    g.q.task_done();
    co_await t;  // hangs if it parked after the last wake-up
  }
}

RUNTIME_TEST("XLOOP-018: a lock freed for a waiter cannot be taken by others", "[sync][lock]") {
  lock l;
  std::atomic<int> owner{0};
  co_await l.acquire();
  const auto body = [](lock& shared, std::atomic<int>& who, int) -> coro<> {
    co_await shared.acquire();
    who = 1;
    shared.release();
  };
  const auto tasks = co_await start_in_order(1, [&l] { return waiters_of(l); }, body, l, owner);
  l.release();
  co_await l.acquire();
  CHECK(owner == 1);
  l.release();
  co_await gather(tasks);
}

RUNTIME_TEST("XLOOP-019: cancels and set() of a shared event forget nobody", "[sync][event]") {
  event e;
  std::atomic<int> woken{0};
  const auto body = [](event& shared, std::atomic<int>& count) -> coro<> {
    co_await shared.wait();
    ++count;
  };
  const std::vector<task<>> tasks = start_crowd(crowd, body, e, woken);
  const auto ring = [](event& shared) -> coro<> {
    for (int i = 0; i < 6; ++i) {
      shared.set();
      shared.clear();
      co_await sleep(0ns);
    }
    shared.set();
  };
  const task<> ringer = create_task(ring, std::ref(e));
  co_await cancel_half(tasks);
  co_await ringer;
  int left = crowd;  // one that is cancelled in its last step was woken all the same
  for (const task<>& each : tasks) left -= each.cancelled() ? 1 : 0;
  CHECK(woken >= left);
  CHECK(woken <= crowd);
  CHECK(to_string(e) == "<Event [set]>");
}

RUNTIME_TEST("XLOOP-020: waiters are served in the order of their calls, over all loops", "[sync][lock]") {
  lock l;
  std::vector<int> order;  // under the lock
  co_await l.acquire();
  const auto body = [](lock& shared, std::vector<int>& log, int number) -> coro<> {
    const auto held = co_await shared.scoped();
    log.push_back(number);
  };
  const auto tasks = co_await start_in_order(crowd, [&l] { return waiters_of(l); }, body, l, order);
  l.release();
  co_await gather(tasks);
  CHECK(order == first_numbers(crowd));
}

RUNTIME_TEST("XLOOP-020: permits go out in the order of the calls", "[sync][semaphore]") {
  semaphore s(0);
  std::vector<int> order;  // of the one who has the only permit
  const auto body = [](semaphore& shared, std::vector<int>& log, int number) -> coro<> {
    const auto held = co_await shared.scoped();
    log.push_back(number);
  };
  const auto tasks = co_await start_in_order(crowd, [&s] { return waiters_of(s); }, body, s, order);
  s.release();
  co_await gather(tasks);
  CHECK(order == first_numbers(crowd));
}

RUNTIME_TEST("XLOOP-021: notify(n) is for those who waited before it", "[sync][condition]") {
  condition c;
  std::vector<int> woken;  // under the lock
  const auto body = [](condition& shared, std::vector<int>& log, int number) -> coro<> {
    const auto held = co_await shared.scoped();
    co_await shared.wait();
    log.push_back(number);
  };
  const auto tasks = co_await start_in_order(6, [&c] { return waiters_of(c); }, body, c, woken);
  co_await c.acquire();
  c.notify(4);
  c.release();
  const task<> late = create_task(body, std::ref(c), std::ref(woken), 9);
  const std::vector<task<>> first(tasks.begin(), tasks.begin() + 4);
  co_await gather(first);
  while (waiters_of(c) != 3) co_await sleep(0ns);
  co_await c.acquire();
  std::sort(woken.begin(), woken.end());
  CHECK(woken == first_numbers(4));
  c.notify_all();
  c.release();
  co_await gather(tasks);
  co_await late;
}

RUNTIME_TEST("XLOOP-018: a condition shared by loops loses no token", "[sync][condition]") {
  stock s;
  const std::vector<task<>> takers = start_crowd(crowd, take_token, s);
  co_await gather(add_tokens(s, crowd / 2), add_tokens(s, crowd - crowd / 2));
  co_await gather(takers);
  CHECK(s.taken == crowd);
  CHECK(s.tokens == 0);
  CHECK(to_string(s.changed) == "<Condition [unlocked]>");
}

RUNTIME_TEST("XLOOP-019: cancels and notifications of a shared condition lose no token", "[sync][condition]") {
  stock s;
  const std::vector<task<>> takers = start_crowd(crowd, take_token, s);
  const task<> giver = create_task(add_tokens(s, crowd));
  co_await cancel_half(takers);  // hangs if a token's notification went to nobody
  co_await giver;
  int ended = 0;
  for (const task<>& each : takers) ended += each.cancelled() ? 0 : 1;
  CHECK(s.taken >= ended);
  CHECK(s.tokens + s.taken == crowd);
  CHECK(to_string(s.changed) == "<Condition [unlocked]>");
}

RUNTIME_TEST("XLOOP-018: a barrier shared by loops lets nobody ahead", "[sync][barrier]") {
  constexpr int rounds = 5;
  struct course {
    barrier gate{crowd};
    std::atomic<int> arrived[rounds] = {};
    std::atomic<int> indices[rounds] = {};
    std::atomic<int> wrong{0};
  } c;
  const auto body = [](course& shared) -> coro<> {
    for (int round = 0; round < rounds; ++round) {
      ++shared.arrived[round];
      const std::size_t index = co_await shared.gate.wait();
      if (shared.arrived[round] != crowd) ++shared.wrong;
      shared.indices[round] ^= 1 << index;
    }
  };
  co_await gather(start_crowd(crowd, body, c));
  CHECK(c.wrong == 0);
  for (const auto& seen : c.indices) CHECK(seen == (1 << crowd) - 1);
  CHECK(to_string(c.gate) == "<Barrier [filling, waiters:0/24]>");
}

RUNTIME_TEST("XLOOP-019: cancels, aborts and resets of a shared barrier leave it whole", "[sync][barrier]") {
  struct course {
    barrier gate{4};
    std::atomic<int> through{0};
  } c;
  const auto body = [](course& shared) -> coro<> {
    for (int i = 0; i < 10; ++i) {
      try {
        co_await shared.gate.wait();
        ++shared.through;
      } catch (const broken_barrier_error&) {
      }
      co_await sleep(0ns);
    }
  };
  std::vector<task<>> tasks = start_crowd(crowd, body, c);
  for (std::size_t i = 0; i < tasks.size(); i += 2) {
    co_await sleep(0ns);
    if (i % 3 == 0) co_await c.gate.abort();
    co_await c.gate.reset();
    tasks[i].cancel();
  }
  for (bool busy = true; busy;) {  // a reset now and then frees those whose round cannot be filled any more
    co_await sleep(1ms);
    co_await c.gate.reset();
    busy = std::any_of(tasks.begin(), tasks.end(), [](const task<>& each) { return !each.done(); });
  }
  static_cast<void>(co_await wait(tasks));
  CHECK(to_string(c.gate) == "<Barrier [filling, waiters:0/4]>");
  std::vector<coro<std::size_t>> four;
  for (int i = 0; i < 4; ++i) four.push_back(c.gate.wait());
  const auto indices = co_await gather(std::move(four));
  CHECK(std::set<std::size_t>(indices.begin(), indices.end()).size() == 4);
}

RUNTIME_TEST("XLOOP-019: a cancel that meets a full round takes nobody's place", "[sync][barrier]") {
  std::atomic<int> wrong{0};
  const auto body = [](barrier& gate, std::atomic<int>& seen, std::atomic<int>& errors) -> coro<> {
    const int mark = 1 << co_await gate.wait();
    if ((seen.fetch_or(mark) & mark) != 0) ++errors;
  };
  for (int round = 0; round < 8; ++round) {
    barrier gate(3);
    std::atomic<int> seen{0};
    const std::vector<task<>> tasks = start_crowd(3, body, gate, seen, wrong);
    for (int i = 0; i < round % 4; ++i) co_await sleep(0ns);
    tasks[0].cancel();
    static_cast<void>(co_await outcome(tasks[0]));
    const task<> filler = create_task(body, std::ref(gate), std::ref(seen), std::ref(wrong));
    co_await tasks[1];  // with the first, or with the filler instead
    co_await tasks[2];
    co_await gate.abort();
    static_cast<void>(co_await outcome(filler));
  }
  CHECK(wrong == 0);
}
