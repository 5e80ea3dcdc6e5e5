// SPDX-License-Identifier: BSL-1.0
// The contract, a test a line. What a line means is written in docs/design/index.md.
#include "allocations.hpp"
#include "loop_test.hpp"

#include <atomic>
#include <future>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

run_options loops(int n) { return run_options().loops(n); }

// Keeps a core busy until told to stop: user code that does not yield.
coro<> burn(std::atomic<bool>& started, const std::atomic<bool>& stop) {
  started.store(true);
  while (!stop.load()) {
  }
  co_return;
}

std::atomic<int> overlaps{0};  // assertions are for the test's own thread

coro<> step_and_check(std::atomic<int>& inside, int& plain, int steps) {
  for (int i = 0; i < steps; ++i) {
    if (inside.fetch_add(1) != 0) ++overlaps;
    ++plain;  // not atomic: what a task does between two awaits happens before what it does after
    inside.fetch_sub(1);
    co_await sleep(0ns);
  }
}

coro<std::size_t> fib(std::size_t n) {
  if (n < 2) co_return n;
  auto [a, b] = co_await gather(fib(n - 1), fib(n - 2));
  co_return a + b;
}

}  // namespace

TEST_CASE("XLOOP-002, C1: a task never runs on two threads at once, and each step sees the one before",
          "[runtime][contract]") {
  for (const int n : {2, 8, 64}) {
    std::vector<std::atomic<int>> inside(32);
    std::vector<int> plain(32, 0);
    run(
        [](std::vector<std::atomic<int>>& in, std::vector<int>& counts) -> coro<> {
          std::vector<task<>> all;
          for (std::size_t i = 0; i < in.size(); ++i) {
            all.push_back(create_task(step_and_check, std::ref(in[i]), std::ref(counts[i]), 200));
          }
          for (const auto& each : all) co_await each;
        }(inside, plain),
        loops(n));
    for (const int count : plain) CHECK(count == 200);
    CHECK(overlaps.load() == 0);
  }
}

TEST_CASE("C2: pinned tasks and callbacks of one loop are serial", "[runtime][contract]") {
  int plain = 0;
  run(
      [](int& shared) -> coro<> {
        event_loop& here = get_running_loop();
        task_options pinned;
        pinned.pin = true;
        pinned.loop = &here;
        const auto bump = [](int& counter) -> coro<> {
          for (int i = 0; i < 500; ++i) {
            ++counter;
            co_await sleep(0ns);
          }
        };
        std::vector<task<>> all;
        for (int i = 0; i < 8; ++i) all.push_back(create_task(pinned, bump, std::ref(shared)));
        for (int i = 0; i < 100; ++i) here.call_soon([&shared] { ++shared; });
        for (const auto& each : all) co_await each;
      }(plain),
      loops(4));
  CHECK(plain == 4100);
}

TEST_CASE("XLOOP-004, C3: tasks are stealable unless pinned, children inherit, main stays on its thread",
          "[runtime][contract]") {
  run(
      []() -> coro<> {
        const std::thread::id main_thread = std::this_thread::get_id();
        // Each of the two holds its thread until the other runs: one of them has to be stolen.
        std::atomic<int> running{0};
        const auto meet = [](std::atomic<int>& here) -> coro<> {
          ++here;
          while (here.load() < 2) std::this_thread::yield();
          co_return;
        };
        auto a = create_task(meet, std::ref(running));
        auto b = create_task(meet, std::ref(running));
        co_await a;
        co_await b;
        CHECK(std::this_thread::get_id() == main_thread);
        task_options pinned;
        pinned.pin = true;
        const auto stays = [](std::thread::id mine) -> coro<> {
          CHECK(std::this_thread::get_id() == mine);
          for (int i = 0; i < 50; ++i) {
            co_await sleep(0ns);
            CHECK(std::this_thread::get_id() == mine);
          }
        };
        const auto child_of_pinned = [](std::thread::id mine) -> coro<> {
          const auto same = [](std::thread::id expected) -> coro<> {
            CHECK(std::this_thread::get_id() == expected);
            co_return;
          };
          co_await gather(same(mine), same(mine));
          co_await create_task(same, mine);
        };
        co_await create_task(pinned, stays, main_thread);
        co_await create_task(pinned, child_of_pinned, main_thread);
      }(),
      loops(4));
}

TEST_CASE("C4: primitives work from any loop, and a loop's thread is never blocked by result()",
          "[runtime][contract]") {
  std::string refused;
  const int total = run(
      [](std::string& text) -> coro<int> {
        queue<int> numbers(2);
        lock guard;
        int sum = 0;
        const auto produce = [](queue<int>& q, int from) -> coro<> {
          for (int i = from; i < from + 100; ++i) co_await q.put(i);
        };
        const auto consume = [](queue<int>& q, lock& l, int& out) -> coro<> {
          for (int i = 0; i < 100; ++i) {
            const int value = co_await q.get();
            const auto held = co_await l.scoped();
            out += value;
          }
        };
        std::vector<task<>> all;
        for (int i = 0; i < 4; ++i) {
          all.push_back(create_task(produce, std::ref(numbers), i * 100));
          all.push_back(create_task(consume, std::ref(numbers), std::ref(guard), std::ref(sum)));
        }
        for (const auto& each : all) co_await each;
        const auto quick = []() -> coro<> { co_await sleep(1ms); };
        const auto other = run_coroutine_threadsafe(quick(), get_running_loop());
        try {
          other.result();
        } catch (const would_deadlock& e) {
          text = e.what();
        }
        co_return sum;
      }(refused),
      loops(4));
  CHECK(total == 399 * 400 / 2);
  CHECK(refused.find("would block the thread of a running event loop") != std::string::npos);
}

TEST_CASE("C5: a cancel is delivered once, counted, and a grant that meets it goes to the next",
          "[runtime][contract]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("GYRE_SEED=" << seed);
    testing::simulate(seed, loops(4), []() -> coro<> {
      semaphore permits(0);
      std::atomic<int> got{0};
      std::atomic<int> ended{0};
      const auto wait_for_one = [](semaphore& s, std::atomic<int>& taken, std::atomic<int>& cancelled) -> coro<> {
        std::exception_ptr error;
        try {
          co_await s.acquire();
          ++taken;
        } catch (const cancelled_error&) {
          ++cancelled;
          error = std::current_exception();
        }
        if (error != nullptr) std::rethrow_exception(error);
      };
      std::vector<task<>> all;
      for (int i = 0; i < 6; ++i) {
        all.push_back(create_task(wait_for_one, std::ref(permits), std::ref(got), std::ref(ended)));
      }
      co_await sleep(1ms);
      for (int i = 0; i < 3; ++i) {
        permits.release();
        all[static_cast<std::size_t>(i)].cancel();
      }
      auto [done, pending] = co_await wait(all, wait_options{.timeout = 1s});
      CHECK(got.load() + ended.load() == static_cast<int>(done.size()));
      CHECK(got.load() == 3);  // every permit reached somebody
      CHECK(ended.load() <= 3);
      for (const auto& each : pending) each.cancel();
    }());
  }
}

TEST_CASE("C6: catch (const std::exception&) cannot eat a cancel", "[runtime][contract]") {
  static_assert(!std::is_base_of_v<std::exception, cancelled_error>);
  const bool cancelled = run(
      []() -> coro<bool> {
        const auto careless = []() -> coro<> {
          try {
            co_await sleep(10s);
          } catch (const std::exception&) {
            FAIL("a cancel is no std::exception");
          }
        };
        auto t = create_task(careless);
        co_await sleep(0ns);
        t.cancel();
        co_await wait(t);
        co_return t.cancelled();
      }(),
      loops(2));
  CHECK(cancelled);
}

TEST_CASE("XLOOP-034, C7: while one loop is stuck in user code, its timers and stealable tasks go on elsewhere",
          "[runtime][contract]") {
  runtime rt(loops(2));
  std::atomic<bool> started{false};
  std::atomic<bool> stop{false};
  std::atomic<int> ticks{0};
  const auto tick = [](std::atomic<int>& count) -> coro<> {
    for (int i = 0; i < 20; ++i) {
      co_await sleep(1ms);
      ++count;
    }
  };
  // The ticker's timers lie in loop 0 when that gets stuck; if nobody stood in, this would wait for the burner for ever.
  const auto both = [](std::atomic<bool>& up, const std::atomic<bool>& end, std::atomic<int>& count,
                       coro<> (*ticker)(std::atomic<int>&)) -> coro<> {
    auto ticking = create_task(ticker, std::ref(count));
    co_await sleep(0ns);
    co_await burn(up, end);
    co_await ticking;
  };
  const auto all = run_coroutine_threadsafe(both(started, stop, ticks, +tick), rt);
  while (ticks.load() < 20) std::this_thread::yield();
  CHECK(started.load());
  stop.store(true);
  all.result();
}

TEST_CASE("C7: an idle runtime of any size makes no wake-ups", "[runtime][contract]") {
  for (const int n : {1, 2, 8, 64}) {
    runtime rt(loops(n));
    run_coroutine_threadsafe(fib(10), rt).result();
    std::uint64_t before = rt.stats().parks;
    for (int quiet = 0; quiet < 20;) {  // until nothing has moved for 100 ms: settling takes a wake-up of the watcher
      std::promise<void> nothing;
      nothing.get_future().wait_for(5ms);
      const std::uint64_t now = rt.stats().parks;
      quiet = now == before ? quiet + 1 : 0;
      before = now;
    }
    std::promise<void> nothing;
    nothing.get_future().wait_for(200ms);
    CHECK(rt.stats().parks == before);
  }
}

TEST_CASE("XLOOP-035, C8: neither yielding tasks nor a deep fork-join keep a timer waiting", "[runtime][contract]") {
  for (const int n : {1, 2}) {
    const bool fired = run(
        []() -> coro<bool> {
          std::atomic<bool> stop{false};
          const auto spin = [](const std::atomic<bool>& end) -> coro<> {
            while (!end.load()) co_await sleep(0ns);
          };
          const auto compute = [](const std::atomic<bool>& end) -> coro<> {
            while (!end.load()) co_await fib(12);
          };
          auto a = create_task(spin, std::cref(stop));
          auto b = create_task(compute, std::cref(stop));
          co_await sleep(5ms);  // if it never came, this test would hang
          stop.store(true);
          co_await a;
          co_await b;
          co_return true;
        }(),
        loops(n).order(run_order::fork_join));
    CHECK(fired);
  }
}

TEST_CASE("C9: gather rethrows the first error at once, and the siblings run on", "[runtime][contract]") {
  for (const int n : {1, 4}) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      INFO(n << " loops, GYRE_SEED=" << seed);
      bool sibling_ended = false;
      testing::simulate(seed, loops(n), [](bool& ended) -> coro<> {
        const auto fail = []() -> coro<> {
          co_await sleep(1ms);
          throw std::runtime_error("first");
        };
        const auto slow = [](bool& done) -> coro<> {
          co_await sleep(20ms);
          done = true;
        };
        std::string caught;
        try {
          co_await gather(slow(ended), fail());
        } catch (const std::runtime_error& e) {
          caught = e.what();
        }
        CHECK(caught == "first");
        CHECK_FALSE(ended);
        co_await sleep(1s);
        CHECK(ended);
      }(sibling_ended));
    }
  }
}

TEST_CASE("C12: in the steady state tasks, gathers, waits and queues call no malloc", "[runtime][contract]") {
  if (!counts_allocations) return;
  for (const run_order order : {run_order::asyncio, run_order::fork_join}) {
    const long made = run(
        []() -> coro<long> {
          const auto one_round = []() -> coro<> {
            co_await fib(6);
            const auto number = [](int i) -> coro<int> { co_return i; };
            auto a = create_task(number, 1);
            auto b = create_task(number(2));
            co_await a;
            co_await b;
            co_await sleep(0ns);
            co_await sleep(1us);
            co_await wait_for(number(3), 1s);
          };
          for (int i = 0; i < 50; ++i) co_await one_round();
          const allocation_counter made_now;
          for (int i = 0; i < 50; ++i) co_await one_round();
          co_return made_now.count();
        }(),
        loops(1).order(order));
    INFO((order == run_order::asyncio ? "asyncio" : "fork_join") << " order");
    CHECK(made == 0);
  }
}

TEST_CASE("C13: the public header brings in neither Asio nor moodycamel nor Boost.Context", "[runtime][contract]") {
  // The check over the tree (include_cost) reads the compiler's list of headers; this file includes only gyre.hpp.
#if defined(BOOST_ASIO_VERSION) || defined(MOODYCAMEL_NAMESPACE) || defined(BOOST_CONTEXT_DETAIL_CONFIG_H)
  FAIL("a public header includes what it must not");
#else
  STATIC_REQUIRE(true);
#endif
}
