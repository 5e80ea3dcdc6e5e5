// SPDX-License-Identifier: BSL-1.0
// Locks, events, semaphores, queues, futures and timers that tasks of several loops share. More of
// them: tests/sync/shared_test.cpp and tests/sync/shared_queue_test.cpp.
#include "sync/crowd.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

RUNTIME_TEST("XLOOP-005, XLOOP-018: a lock shared by loops lets one task in", "[runtime][lock]") {
  lock l;
  int plain = 0;
  const auto body = [](lock& shared, int& counter) -> coro<> {
    for (int i = 0; i < 10; ++i) {
      const auto held = co_await shared.scoped();
      const int seen = counter;
      if (i % 2 == 0) co_await sleep(0ns);
      counter = seen + 1;
    }
  };
  co_await gather(start_crowd(crowd, body, l, plain));
  CHECK(plain == crowd * 10);
  CHECK_FALSE(l.locked());
}

RUNTIME_TEST("XLOOP-019: cancels and grants of a shared lock lose and double nothing", "[runtime][lock]") {
  lock l;
  std::atomic<int> inside{0};
  std::atomic<int> wrong{0};
  const auto body = [](lock& shared, std::atomic<int>& now, std::atomic<int>& errors) -> coro<> {
    for (int i = 0; i < 10; ++i) {
      const auto held = co_await shared.scoped();
      if (++now != 1) ++errors;
      --now;
      co_await sleep(0ns);
    }
  };
  const std::vector<task<>> tasks = start_crowd(crowd, body, l, inside, wrong);
  for (std::size_t i = 0; i < tasks.size(); i += 2) {
    co_await sleep(0ns);
    tasks[i].cancel();
  }
  static_cast<void>(co_await wait(tasks));
  CHECK(wrong == 0);
  CHECK_FALSE(l.locked());
  co_await l.acquire();
  l.release();
}

RUNTIME_TEST("XLOOP-018: an event shared by loops wakes everybody", "[runtime][event]") {
  event e;
  std::atomic<int> waiting{0};
  std::atomic<int> woken{0};
  const auto body = [](event& shared, std::atomic<int>& here, std::atomic<int>& count) -> coro<> {
    ++here;
    co_await shared.wait();
    ++count;
  };
  const std::vector<task<>> tasks = start_crowd(crowd, body, e, waiting, woken);
  co_await reach(waiting, crowd);
  e.set();
  co_await gather(tasks);
  CHECK(woken == crowd);
}

RUNTIME_TEST("XLOOP-018: a semaphore shared by loops keeps its bound", "[runtime][semaphore]") {
  semaphore s(3);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  const auto body = [](semaphore& shared, std::atomic<int>& now, std::atomic<int>& peak) -> coro<> {
    for (int i = 0; i < 5; ++i) {
      const auto held = co_await shared.scoped();
      const int here = ++now;
      int seen = peak;
      while (seen < here && !peak.compare_exchange_weak(seen, here)) {
      }
      co_await sleep(0ns);
      --now;
    }
  };
  co_await gather(start_crowd(crowd, body, s, inside, most));
  CHECK(inside == 0);
  CHECK(most <= 3);
}

RUNTIME_TEST("XLOOP-019: cancels and grants of a shared semaphore lose no permit", "[runtime][semaphore]") {
  semaphore s(2);
  const auto body = [](semaphore& shared) -> coro<> {
    for (int i = 0; i < 5; ++i) {
      co_await shared.acquire();
      shared.release();
      co_await sleep(0ns);
    }
  };
  const std::vector<task<>> tasks = start_crowd(crowd, body, s);
  for (std::size_t i = 0; i < tasks.size(); i += 2) {
    co_await sleep(0ns);
    tasks[i].cancel();
  }
  static_cast<void>(co_await wait(tasks));
  co_await s.acquire();
  co_await s.acquire();
  CHECK(s.locked());
  s.release();
  CHECK_FALSE(s.locked());
  s.release();
}

RUNTIME_TEST("XLOOP-018: a queue shared by loops gives each item to one getter", "[runtime][queue]") {
  queue<int> q(5);
  std::atomic<long> sum{0};
  std::atomic<int> next{0};
  const auto produce = [](queue<int>& into, std::atomic<int>& number) -> coro<> {
    for (int i = 0; i < 20; ++i) co_await into.put(++number);
  };
  const auto consume = [](queue<int>& from, std::atomic<long>& total) -> coro<> {
    for (;;) {
      const int item = co_await from.get();
      total += item;
      from.task_done();
    }
  };
  const std::vector<task<>> consumers = start_crowd(6, consume, q, sum);
  const std::vector<task<>> producers = start_crowd(6, produce, q, next);
  co_await gather(producers);
  co_await q.join();
  CHECK(sum == 120L * 121 / 2);
  for (const task<>& each : consumers) each.cancel();
  static_cast<void>(co_await wait(consumers));
  CHECK(q.empty());
}

RUNTIME_TEST("XLOOP-019: cancelled getters of a shared queue lose no item", "[runtime][queue]") {
  queue<int> q;
  std::atomic<int> got{0};
  const auto consume = [](queue<int>& from, std::atomic<int>& count) -> coro<> {
    static_cast<void>(co_await from.get());
    ++count;
  };
  const std::vector<task<>> getters = start_crowd(crowd, consume, q, got);
  for (std::size_t i = 0; i < getters.size(); ++i) {
    q.put_nowait(static_cast<int>(i));
    if (i % 2 == 0) getters[i].cancel();
    co_await sleep(0ns);
  }
  static_cast<void>(co_await wait(getters));
  CHECK(got + static_cast<int>(q.qsize()) == crowd);
}

RUNTIME_TEST("XLOOP-013: a task awaits a task of another loop", "[runtime][task]") {
  const auto body = []() -> coro<int> {
    co_await sleep(0ns);
    co_return 5;
  };
  for (int i = 0; i < std::min(loop_count(), 8); ++i) {
    const task_options there{.pin = true, .loop = &current_runtime().loop(i)};
    const task<int> t = create_task(there, body);
    const int value = co_await t;
    CHECK(value == 5);
  }
}

RUNTIME_TEST("XLOOP-014: cancelling the waiter ends a task of another loop first", "[runtime][task]") {
  std::atomic<int> started{0};
  std::atomic<int> ended{0};
  const auto inner = [](std::atomic<int>& begun, std::atomic<int>& over) -> coro<> {
    ++begun;
    std::exception_ptr error;
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
      error = std::current_exception();
    }
    co_await sleep(0ns);
    ++over;
    std::rethrow_exception(error);
  };
  const auto outer = [](task<> awaited, std::atomic<int>& over, bool& first) -> coro<> {
    const std::string how = co_await outcome(awaited);
    first = how == "cancelled" && over == 1;
  };
  const task_options there{.pin = true, .loop = &current_runtime().loop(1)};
  const task<> t = create_task(there, inner, std::ref(started), std::ref(ended));
  bool in_order = false;
  const task<> waiter = create_task(outer, t, std::ref(ended), std::ref(in_order));
  co_await reach(started, 1);
  co_await sleep(1ms);
  waiter.cancel();
  co_await waiter;
  CHECK(in_order);
  CHECK(t.cancelled());
}

RUNTIME_TEST("XLOOP-015: wait, as_completed and wait_for over tasks of several loops", "[runtime][task]") {
  const auto body = [](int turns) -> coro<int> {
    for (int i = 0; i < turns; ++i) co_await sleep(0ns);
    co_return turns;
  };
  std::vector<task<int>> tasks;
  for (int i = 0; i < 8; ++i) {
    const task_options there{.pin = true, .loop = &current_runtime().loop(i % loop_count())};
    tasks.push_back(create_task(there, body, i));
  }
  auto ends = as_completed(tasks);
  int sum = 0;
  while (const auto t = co_await ends.next()) sum += t->result();
  CHECK(sum == 28);
  const auto result = co_await wait(tasks);
  CHECK(result.done.size() == 8);
  const int last = co_await wait_for(tasks[7], 1h);
  CHECK(last == 7);
}

RUNTIME_TEST("XLOOP-025: sleepers on several loops wake, late rather than early", "[runtime][sleep]") {
  std::atomic<int> early{0};
  const auto body = [](std::atomic<int>& wrong) -> coro<> {
    for (int i = 1; i <= 3; ++i) {
      const auto start = get_running_loop().now();
      co_await sleep(std::chrono::microseconds(200 * i));
      if (get_running_loop().now() - start < std::chrono::microseconds(200 * i)) ++wrong;
    }
  };
  co_await gather(start_crowd(crowd, body, early));
  CHECK(early == 0);
}

RUNTIME_TEST("XLOOP-026: timeouts over tasks that move fire once or not at all", "[runtime][wait_for]") {
  std::atomic<int> timeouts{0};
  std::atomic<int> values{0};
  std::atomic<int> wrong{0};
  const auto body = [](std::atomic<int>& late, std::atomic<int>& done, std::atomic<int>& bad) -> coro<> {
    const auto inner = [](int n) -> coro<int> {
      co_await sleep(std::chrono::microseconds(100 * n));
      co_return n;
    };
    for (int i = 1; i <= 4; ++i) {
      const std::string how = co_await outcome(wait_for(inner(i), 250us));
      if (how == "timeout") {
        ++late;
      } else if (how == std::to_string(i)) {
        ++done;
      } else {
        ++bad;
      }
      if (current_task().cancelling() != 0) ++bad;
    }
  };
  co_await gather(start_crowd(crowd, body, timeouts, values, wrong));
  CHECK(wrong == 0);
  CHECK(timeouts + values == crowd * 4);
}

RUNTIME_TEST("XLOOP-011: cancels that race with the end leave one outcome", "[runtime][cancel]") {
  const auto body = []() -> coro<int> {
    co_await sleep(0ns);
    co_return 1;
  };
  for (int round = 0; round < 20; ++round) {
    const task<int> t = create_task(body);
    for (int i = 0; i < round % 4; ++i) co_await sleep(0ns);
    const bool accepted = t.cancel();
    const std::string how = co_await outcome(t);
    CHECK((how == "cancelled" || how == "1"));
    if (!accepted) CHECK(how == "1");
  }
}

RUNTIME_TEST("XLOOP-012: cancel and uncancel from several loops count right", "[runtime][cancel]") {
  event gate;
  std::atomic<int> started{0};
  const auto wait_in = [](event& e, std::atomic<int>& begun) -> coro<> {
    ++begun;
    for (;;) {
      try {
        co_await e.wait();
        co_return;
      } catch (const cancelled_error&) {
      }
    }
  };
  const task<> target = create_task(wait_in, std::ref(gate), std::ref(started));
  co_await reach(started, 1);
  const auto canceller = [](task<> t) -> coro<> {
    for (int i = 0; i < 20; ++i) {
      t.cancel();
      co_await sleep(0ns);
      t.uncancel();
    }
  };
  std::vector<task<>> cancellers;
  for (int i = 0; i < 8; ++i) cancellers.push_back(create_task(canceller, target));
  co_await gather(cancellers);
  CHECK(target.cancelling() == 0);
  gate.set();
  co_await target;
  CHECK_FALSE(target.cancelled());
}
