// SPDX-License-Identifier: BSL-1.0
// Runtimes: start, stop, what is left over, threads that submit meanwhile, parking.
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) { co_return value; }

coro<> forever(std::atomic<int>& started, std::atomic<int>& ended) {
  ++started;
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    ++ended;
    throw;
  }
}

coro<> swallow_cancels(std::atomic<bool>& started, std::atomic<bool>& stop) {
  started = true;
  while (!stop) {
    try {
      co_await sleep(1ms);
    } catch (const cancelled_error&) {
    }
  }
}

coro<> fork_forever(std::atomic<int>& started) {
  const auto leaf = [](std::atomic<int>& count) -> coro<> {
    event never;
    ++count;
    co_await never.wait();
  };
  co_await gather(leaf(started), leaf(started), leaf(started));
}

struct reports {
  void catch_all(runtime& r) {
    for (int i = 0; i < r.loop_count(); ++i) {
      r.loop(i).set_exception_handler([this](event_loop&, const exception_context& context) {
        const std::lock_guard hold(guard);
        all.push_back(context.message);
      });
    }
  }
  std::mutex guard;
  std::vector<std::string> all;
};

template <class Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("runtime: starts and stops, with and without work", "[runtime]") {
  for (const int loops : {1, 2, 4, 8, 64}) {
    {
      runtime idle(run_options().loops(loops));
      CHECK(idle.loop_count() == loops);
    }
    runtime r(run_options().loops(loops));
    CHECK(run_coroutine_threadsafe(give(loops), r).result() == loops);
    r.stop();
    r.stop();
  }
}

TEST_CASE("runtime: its loops, and indices that are none", "[runtime]") {
  const runtime r(run_options().loops(3));
  CHECK(&r.loop(1) != &r.loop(2));
  CHECK_THROWS_AS(r.loop(3), value_error);
  CHECK_THROWS_AS(r.loop(-1), value_error);
  CHECK(r.stats().loops == 3);
}

TEST_CASE("FAULT-41: several runtimes share nothing", "[runtime]") {
  runtime a(run_options().loops(2));
  runtime b(run_options().loops(2));
  const auto await_foreign = [](future<int> f) -> coro<std::string> { co_return co_await outcome(f); };
  const future<int> f = a.loop(0).create_future<int>();
  const std::string how = run_coroutine_threadsafe(await_foreign(f), b).result();
  CHECK(how.starts_with("error: co_await: the future belongs to a loop of another runtime (in task 'Task-"));
}

TEST_CASE("runtime: stop() cancels what runs and waits for it", "[runtime][shutdown]") {
  for (const int loops : {1, 2, 4, 8}) {
    runtime r(run_options().loops(loops));
    std::atomic<int> started{0};
    std::atomic<int> ended{0};
    for (int i = 0; i < 20; ++i) static_cast<void>(run_coroutine_threadsafe(forever(started, ended), r));
    REQUIRE(comes_true([&] { return started == 20; }));
    r.stop();
    CHECK(ended == 20);
    CHECK(r.loop(0).is_closed());
  }
}

TEST_CASE("runtime: stop() ends fork-joins that wait", "[runtime][shutdown]") {
  runtime r(run_options().loops(4));
  std::atomic<int> started{0};
  for (int i = 0; i < 5; ++i) static_cast<void>(run_coroutine_threadsafe(fork_forever(started), r));
  REQUIRE(comes_true([&] { return started == 15; }));
  r.stop();
}

TEST_CASE("FAULT-12: what outlives the deadline of a shutdown is named", "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    std::atomic<bool> started{false};
    std::atomic<bool> stop{false};
    reports seen;
    runtime r(run_options().loops(loops).shutdown_timeout(10ms));
    seen.catch_all(r);
    const auto named = [](std::atomic<bool>& begun, std::atomic<bool>& end) -> coro<> {
      any_task me = current_task();
      me.set_name("stubborn");
      co_await swallow_cancels(begun, end);
    };
    const auto f = run_coroutine_threadsafe(named(started, stop), r);
    REQUIRE(comes_true([&] { return started.load(); }));
    r.stop();
    bool told = false;
    for (const std::string& each : seen.all) told = told || each.find("stubborn") != std::string::npos;
    CHECK(told);
    CHECK_THROWS_AS(f.result(), loop_closed);
  }
}

TEST_CASE("FAULT-37: stop() on one of its own loops is refused", "[runtime][shutdown]") {
  runtime r(run_options().loops(2));
  const auto stop_it = [](runtime& own) -> coro<bool> {
    try {
      own.stop();
    } catch (const would_deadlock&) {
      co_return true;
    }
    co_return false;
  };
  CHECK(run_coroutine_threadsafe(stop_it(r), r).result());
}

TEST_CASE("runtime: threads that submit while it stops get a result or an error", "[runtime][shutdown]") {
  for (int round = 0; round < 10; ++round) {
    reports left_over;  // what arrived after the cancels is abandoned
    runtime r(run_options().loops(4));
    left_over.catch_all(r);
    std::atomic<bool> refused{false};
    std::atomic<int> submitted{0};
    std::vector<std::thread> others;
    for (int t = 0; t < 3; ++t) {
      others.emplace_back([&] {
        try {
          for (;;) {
            const auto f = run_coroutine_threadsafe(give(1), r);
            ++submitted;
            try {
              f.result();
            } catch (const cancelled_error&) {
            }
          }
        } catch (const loop_closed&) {
          refused = true;
        }
      });
    }
    while (submitted < 30) std::this_thread::yield();
    r.stop();
    for (std::thread& each : others) each.join();
    CHECK(refused);
  }
}

TEST_CASE("runtime: callbacks posted while it stops run or are dropped", "[runtime][shutdown]") {
  for (int round = 0; round < 10; ++round) {
    const auto token = std::make_shared<int>(0);
    {
      runtime r(run_options().loops(2));
      std::atomic<int> posted{0};
      std::thread other([&] {
        try {
          for (;;) {
            r.loop(1).call_soon_threadsafe([token] {});
            ++posted;
          }
        } catch (const loop_closed&) {
        }
      });
      while (posted < 100) std::this_thread::yield();
      r.stop();
      other.join();
    }
    CHECK(token.use_count() == 1);
  }
}

TEST_CASE("parking: an idle runtime does not wake up", "[runtime][parking]") {
  for (const int loops : {1, 2, 4, 8}) {
    std::atomic<int> started{0};
    std::atomic<int> ended{0};
    runtime r(run_options().loops(loops));
    static_cast<void>(run_coroutine_threadsafe(forever(started, ended), r));
    REQUIRE(comes_true([&] { return started == 1; }));
    // It comes to rest: then nothing is parked anew. That nothing happens shows only in the course of time.
    std::uint64_t before = 0;
    REQUIRE(comes_true([&] {
      before = r.stats().parks;
      std::this_thread::sleep_for(50ms);
      return r.stats().parks == before;
    }));
    std::this_thread::sleep_for(200ms);
    CHECK(r.stats().parks == before);
  }
}

TEST_CASE("parking: each of many submissions, one at a time, wakes a loop", "[runtime][parking]") {
  for (const int loops : {1, 2, 4, 8}) {
    runtime r(run_options().loops(loops));
    for (int i = 0; i < 500; ++i) CHECK(run_coroutine_threadsafe(give(i), r).result() == i);
  }
}

TEST_CASE("parking: loops wake each other in a ring", "[runtime][parking]") {
  for (const int loops : {2, 4, 8}) {
    runtime r(run_options().loops(loops));
    constexpr int rounds = 300;
    std::vector<std::unique_ptr<queue<int>>> boxes;
    for (int i = 0; i < loops; ++i) boxes.push_back(std::make_unique<queue<int>>());
    const auto hand_on = [](queue<int>& from, queue<int>& to, int count) -> coro<> {
      for (int i = 0; i < count; ++i) {
        const int token = co_await from.get();
        to.put_nowait(token + 1);
      }
    };
    std::vector<blocking_future<void>> ends;
    for (int i = 0; i < loops; ++i) {
      auto& from = *boxes[static_cast<std::size_t>(i)];
      auto& to = *boxes[static_cast<std::size_t>((i + 1) % loops)];
      ends.push_back(run_coroutine_threadsafe(hand_on(from, to, rounds), r.loop(i)));
    }
    boxes[0]->put_nowait(0);
    for (const auto& each : ends) each.result();
    CHECK(boxes[0]->get_nowait() == loops * rounds);
  }
}

TEST_CASE("runtime: counts steps", "[runtime]") {
  runtime r(run_options().loops(2));
  const std::uint64_t before = r.stats().tasks_run;
  for (int i = 0; i < 10; ++i) CHECK(run_coroutine_threadsafe(give(i), r).result() == i);
  CHECK(r.stats().tasks_run >= before + 10);
}
