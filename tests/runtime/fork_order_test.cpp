// SPDX-License-Identifier: BSL-1.0
// In which order a fork-join goes through its tree, and what it lets in on the way.
#include "loop_test.hpp"

#include <atomic>
#include <functional>
#include <gyre/base/membarrier.hpp>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> nothing() { co_return; }

/// Counts the bodies that have begun and not ended.
class live_count {
 public:
  void enter() {
    const int now = ++now_;
    for (int known = most_.load(); now > known && !most_.compare_exchange_weak(known, now);) {
    }
  }
  void leave() { --now_; }
  [[nodiscard]] int most() const { return most_.load(); }

 private:
  std::atomic<int> now_{0};
  std::atomic<int> most_{0};
};

coro<int> counted_fib(int n, live_count& live) {
  live.enter();
  int value = n;
  if (n >= 2) {
    const auto [a, b] = co_await gather(counted_fib(n - 1, live), counted_fib(n - 2, live));
    value = a + b;
  }
  live.leave();
  co_return value;
}

coro<> yield_until(const std::atomic<bool>& done) {
  while (!done.load()) co_await sleep(0ns);
}

/// With a task beside it that ends every turn early.
coro<> count_in_company(int n, live_count& live) {
  std::atomic<bool> done{false};
  const auto beside = create_task(yield_until, std::ref(done));
  co_await create_task(counted_fib, n, std::ref(live));
  done = true;
  co_await beside;
}

coro<> fork_until(const std::atomic<bool>& stop) {
  while (!stop.load()) co_await gather(nothing(), nothing());
}

coro<> stop_later(std::atomic<bool>& stop) {
  for (int i = 0; i < 10; ++i) co_await sleep(0ns);
  stop = true;
}

}  // namespace

TEST_CASE("fork-join: what has begun and not ended is a path for each loop, wherever turns end",
          "[runtime][fork_join]") {
  constexpr int depth = 12;
  for (const int loops : {1, 4}) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      live_count live;
      testing::simulate(seed, run_options().loops(loops).order(run_order::fork_join), count_in_company(depth, live));
      CAPTURE(loops, seed);
      CHECK(live.most() <= loops * depth);
    }
  }
  live_count live;
  run(count_in_company(18, live), run_options().loops(1).order(run_order::fork_join));
  CHECK(live.most() <= 18);
}

TEST_CASE("fork-join: a computation without end lets in what else there is", "[runtime][fork_join]") {
  const auto one_loop = run_options().loops(1).order(run_order::fork_join);
  SECTION("a timer") {
    run(
        []() -> coro<> {
          std::atomic<bool> stop{false};
          get_running_loop().call_later(1ms, [&stop] { stop = true; });
          co_await create_task(fork_until, std::ref(stop));
        }(),
        one_loop);
  }
  SECTION("a ready task") {
    run(
        []() -> coro<> {
          std::atomic<bool> stop{false};
          const auto beside = create_task(stop_later, std::ref(stop));
          co_await create_task(fork_until, std::ref(stop));
          co_await beside;
        }(),
        one_loop);
  }
  SECTION("a message from another thread") {
    run(
        []() -> coro<> {
          std::atomic<bool> begun{false};
          std::atomic<bool> stop{false};
          event_loop& here = get_running_loop();
          std::thread other([&] {
            while (!begun.load()) std::this_thread::yield();
            here.call_soon_threadsafe([&stop] { stop = true; });
          });
          begun = true;
          co_await create_task(fork_until, std::ref(stop));
          other.join();
        }(),
        one_loop);
  }
}

TEST_CASE("fork-join: its short way is open where barriers cost nothing and nobody listens", "[runtime][fork_join]") {
  const auto is_open = []() -> coro<bool> { co_return detail::this_thread().quick; };
  const auto forking = run_options().loops(1).order(run_order::fork_join);
  const auto as_asyncio = run_options().loops(1).order(run_order::asyncio);
  CHECK(run(is_open(), forking) == detail::membarrier_works);
  CHECK_FALSE(run(is_open(), as_asyncio));
  CHECK_FALSE(gyre::testing::simulate(1, forking, is_open()));
  CHECK(run(is_open(), forking) == detail::membarrier_works);  // the simulation listens no more
}
