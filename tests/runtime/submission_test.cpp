// SPDX-License-Identifier: BSL-1.0
// Bursts of submissions and their bound.
#include "loop_test.hpp"
#include "thread_gate.hpp"

#include "loop/loop_core.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> number(int n) { co_return n; }

coro<> wait_for_event(event& e) { co_await e.wait(); }

coro<> hold_thread(thread_gate& g) {
  g.wait();
  co_return;
}

std::vector<coro<int>> numbers(int count) {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < count; ++i) bodies.push_back(number(i));
  return bodies;
}

int sum_of(const std::vector<blocking_future<int>>& futures) {
  int sum = 0;
  for (const auto& each : futures) sum += each.result();
  return sum;
}

void await_sleep(event_loop& loop) {
  while (!loop.core().sleeping()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("SAFE-004: a burst of coroutines gives its results in order", "[runtime][threads]") {
  for (const int loops : {1, 4}) {
    runtime r(run_options().loops(loops));
    const auto on_one = run_coroutines_threadsafe(numbers(100), r.loop(0));
    REQUIRE(on_one.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(on_one[static_cast<std::size_t>(i)].result() == i);
    CHECK(sum_of(run_coroutines_threadsafe(numbers(100), r)) == 4950);
    CHECK(run_coroutines_threadsafe(numbers(0), r).empty());
  }
}

TEST_CASE("SAFE-004: a runtime in asyncio's order takes submissions", "[runtime][threads]") {
  for (const int loops : {1, 2}) {
    runtime r(run_options().loops(loops).order(run_order::asyncio));
    CHECK(run_coroutine_threadsafe(number(3), r).result() == 3);
    CHECK(sum_of(run_coroutines_threadsafe(numbers(10), r)) == 45);
  }
}

TEST_CASE("SAFE-001: a burst rings a loop that sleeps once", "[runtime][threads]") {
  runtime r(run_options().loops(1));
  run_coroutine_threadsafe(number(0), r).result();
  await_sleep(r.loop(0));
  const std::uint64_t before = r.stats().doorbells;
  const auto futures = run_coroutines_threadsafe(numbers(1000), r.loop(0));
  CHECK(r.stats().doorbells == before + 1);
  CHECK(sum_of(futures) == 499500);
}

TEST_CASE("SAFE-001: each submission is one message to a loop, however many come at once", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  run_coroutine_threadsafe(number(0), r).result();
  const std::uint64_t before = r.stats().messages;
  CHECK(sum_of(run_coroutines_threadsafe(numbers(1000), r)) == 499500);
  CHECK(sum_of(run_coroutines_threadsafe(numbers(10), r.loop(1))) == 45);
  CHECK(r.stats().messages == before + 1010);
}

TEST_CASE("SAFE-001: what comes while a loop works rings no bell", "[runtime][threads]") {
  std::atomic<int> called{0};  // outlives the loop
  runtime r(run_options().loops(1));
  thread_gate g;
  const auto busy = run_coroutine_threadsafe(hold_thread(g), r.loop(0));
  g.await_waiters(1);
  const std::uint64_t before = r.stats().doorbells;
  std::vector<blocking_future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(run_coroutine_threadsafe(number(i), r.loop(0)));
  for (int i = 0; i < 1000; ++i) r.loop(0).call_soon_threadsafe([&called] { ++called; });
  CHECK(r.stats().doorbells == before);
  g.open();
  CHECK(sum_of(futures) == 499500);
  while (called.load() != 1000) std::this_thread::yield();
  busy.result();
}

TEST_CASE("SAFE-001: a burst on a runtime rings each loop at most once", "[runtime][threads]") {
  runtime r(run_options().loops(4));
  for (int i = 0; i < 4; ++i) run_coroutine_threadsafe(number(0), r.loop(i)).result();
  for (int i = 0; i < 4; ++i) await_sleep(r.loop(i));
  const std::uint64_t before = r.stats().doorbells;
  const std::uint64_t parks = r.stats().parks;
  const auto futures = run_coroutines_threadsafe(numbers(1000), r);
  CHECK(sum_of(futures) == 499500);
  // A loop that has found nothing left may have gone to sleep and been woken again meanwhile.
  CHECK(r.stats().doorbells - before <= 4 + (r.stats().parks - parks));
}

TEST_CASE("SAFE-003: a burst to a closed runtime destroys all of it", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  r.stop();
  const auto token = std::make_shared<int>(0);
  const auto body = [](std::shared_ptr<int>) -> coro<> { co_return; };
  const auto make = [&] {
    std::vector<coro<>> bodies;
    for (int i = 0; i < 3; ++i) bodies.push_back(body(token));
    return bodies;
  };
  CHECK_THROWS_AS(run_coroutines_threadsafe(make(), r), loop_closed);
  CHECK_THROWS_AS(run_coroutines_threadsafe(make(), r.loop(0)), loop_closed);
  CHECK(token.use_count() == 1);
}

TEST_CASE("SAFE-003: a burst with a body that was used before runs none", "[runtime][threads]") {
  runtime r(run_options().loops(1));
  std::vector<coro<int>> bodies = numbers(3);
  bodies[1].close();
  CHECK_THROWS_AS(run_coroutines_threadsafe(std::move(bodies), r), already_awaited);
}

TEST_CASE("SAFE-004: at the bound of submissions the thread gets an error", "[runtime][threads]") {
  for (const int loops : {1, 4}) {
    runtime r(run_options().loops(loops).max_submissions(2, submission_overflow::error));
    event gate;
    const auto a = run_coroutine_threadsafe(wait_for_event(gate), r);
    const auto b = run_coroutine_threadsafe(wait_for_event(gate), r.loop(0));
    CHECK_THROWS_AS(run_coroutine_threadsafe(number(1), r), queue_full);
    CHECK_THROWS_AS(run_coroutines_threadsafe(numbers(2), r), queue_full);
    gate.set();
    a.result();
    b.result();
    CHECK_THROWS_AS(run_coroutines_threadsafe(numbers(3), r), queue_full);
    CHECK(sum_of(run_coroutines_threadsafe(numbers(2), r)) == 1);
    for (int i = 0; i < 100; ++i) CHECK(run_coroutine_threadsafe(number(i), r).result() == i);
  }
}

TEST_CASE("SAFE-004: a submission that was cancelled, failed or was refused gives its place back",
          "[runtime][threads]") {
  runtime r(run_options().loops(2).max_submissions(1, submission_overflow::error));
  event never;
  const auto fail = []() -> coro<> {
    throw value_error("no");
    co_return;
  };
  for (int round = 0; round < 20; ++round) {
    const auto f = run_coroutine_threadsafe(wait_for_event(never), r);
    CHECK_THROWS_AS(run_coroutine_threadsafe(number(1), r), queue_full);
    f.cancel();
    CHECK_THROWS_AS(f.result(), cancelled_error);
    CHECK_THROWS_AS(run_coroutine_threadsafe(fail(), r).result(), value_error);
  }
}

TEST_CASE("SAFE-004: at the bound of submissions the thread waits", "[runtime][threads]") {
  for (const int loops : {1, 4}) {
    runtime r(run_options().loops(loops).max_submissions(3));
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::atomic<int> ended{0};
    const auto body = [](std::atomic<int>& now, std::atomic<int>& peak, std::atomic<int>& count) -> coro<> {
      const int n = ++now;
      int seen = peak;
      while (seen < n && !peak.compare_exchange_weak(seen, n)) {
      }
      co_await sleep(0ns);
      --now;
      ++count;
    };
    std::vector<std::thread> others;
    for (int t = 0; t < 3; ++t) {
      others.emplace_back([&] {
        std::vector<coro<>> bodies;
        for (int i = 0; i < 10; ++i) bodies.push_back(body(running, most, ended));
        auto futures = run_coroutines_threadsafe(std::move(bodies), r);
        for (int i = 0; i < 90; ++i) futures.push_back(run_coroutine_threadsafe(body(running, most, ended), r));
        for (const auto& each : futures) each.result();
      });
    }
    for (std::thread& each : others) each.join();
    r.stop();
    CHECK(ended == 300);
    CHECK(most <= 3);
  }
}

TEST_CASE("SAFE-003: a thread that waits for room is refused when the runtime stops", "[runtime][threads]") {
  runtime r(run_options().loops(2).max_submissions(1));
  for (int i = 0; i < 2; ++i) r.loop(i).set_exception_handler([](event_loop&, const exception_context&) {});
  event never;
  const auto first = run_coroutine_threadsafe(wait_for_event(never), r);
  std::atomic<int> begun{0};
  std::string how;
  std::thread other([&] {
    ++begun;
    try {
      for (;;) run_coroutine_threadsafe(wait_for_event(never), r);
    } catch (const loop_closed& e) {
      how = e.what();
    }
  });
  while (begun == 0) std::this_thread::yield();
  r.stop();
  other.join();
  CHECK(how == "run_coroutine_threadsafe: the event loop is closed");
  CHECK(first.done());
}

TEST_CASE("SAFE-004: the bound does not hold up the runtime's own threads", "[runtime][threads]") {
  runtime r(run_options().loops(2).max_submissions(1));
  const auto body = [](runtime& own) -> coro<int> {
    const auto inner = run_coroutine_threadsafe(number(4), own);
    while (!inner.done()) co_await sleep(0ns);
    co_return inner.result();
  };
  CHECK(run_coroutine_threadsafe(body(r), r).result() == 4);
}

TEST_CASE("SAFE-004: the bound holds for loops with a task factory", "[runtime][threads]") {
  runtime r(run_options().loops(1).max_submissions(1, submission_overflow::error));
  r.loop(0).set_task_factory(
      [](event_loop&, any_coro& body, const task_options& options) { return body.create_task(options); });
  event gate;
  const auto f = run_coroutine_threadsafe(wait_for_event(gate), r);
  CHECK_THROWS_AS(run_coroutine_threadsafe(number(1), r), queue_full);
  gate.set();
  f.result();
  CHECK(run_coroutine_threadsafe(number(1), r).result() == 1);
}

TEST_CASE("SAFE-004: a loop of another runtime is not held up at the bound", "[runtime][threads]") {
  runtime r(run_options().loops(1).max_submissions(1));
  event gate;
  const auto waits = run_coroutine_threadsafe(wait_for_event(gate), r);
  const auto main = [](runtime& full) -> coro<bool> {
    try {
      run_coroutine_threadsafe(number(1), full);
    } catch (const queue_full&) {
      co_return true;
    }
    co_return false;
  };
  CHECK(run(main(r), one_loop()));
  gate.set();
  waits.result();
}

TEST_CASE("SAFE-004: submissions to a runtime go to its loops in turn", "[runtime][threads]") {
  runtime r(run_options().loops(3).order(run_order::asyncio));
  const auto where = []() -> coro<event_loop*> { co_return &get_running_loop(); };
  std::vector<event_loop*> loops;
  for (int i = 0; i < 6; ++i) loops.push_back(run_coroutine_threadsafe(where(), r).result());
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(loops[i] != loops[(i + 1) % 3]);
    CHECK(loops[i] == loops[i + 3]);
  }
}
