// SPDX-License-Identifier: BSL-1.0
// run_coroutine_threadsafe and blocking_future: threads that are no loops.
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> add(int a, int b) {
  co_await sleep(0ns);
  co_return a + b;
}

coro<int> fail() {
  co_await sleep(0ns);
  throw std::runtime_error("in the loop");
}

coro<> wait_for_event(event& e) { co_await e.wait(); }

coro<> forever(std::atomic<bool>& started, std::atomic<bool>& cancelled) {
  started = true;
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    cancelled = true;
    throw;
  }
}

coro<event_loop*> where() { co_return &get_running_loop(); }

coro<std::unique_ptr<int>> owned() { co_return std::make_unique<int>(5); }

}  // namespace

TEST_CASE("SAFE-004: a coroutine submitted from a thread gives its value", "[runtime][threads]") {
  for (const int loops : {1, 2, 4}) {
    runtime r(run_options().loops(loops));
    CHECK(run_coroutine_threadsafe(add(1, 2), r.loop(0)).result() == 3);
    CHECK(run_coroutine_threadsafe(add(3, 4), r).result() == 7);
    CHECK(*run_coroutine_threadsafe(owned(), r).result() == 5);
  }
}

TEST_CASE("SAFE-004: it runs on the loop it was given to", "[runtime][threads]") {
  runtime r(run_options().loops(4));
  for (int i = 0; i < 4; ++i) CHECK(run_coroutine_threadsafe(where(), r.loop(i)).result() == &r.loop(i));
}

TEST_CASE("SAFE-005: the coroutine's exception comes out of result()", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  const auto f = run_coroutine_threadsafe(fail(), r);
  CHECK_THROWS_WITH(f.result(), "in the loop");
  CHECK(in_words(f.exception()) == "error: in the loop");
  CHECK(f.done());
  CHECK_FALSE(f.cancelled());
}

TEST_CASE("SAFE-006: result() with a limit throws and lets the coroutine run; cancel() ends it", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  std::atomic<bool> started{false};
  std::atomic<bool> cancelled{false};
  const auto f = run_coroutine_threadsafe(forever(started, cancelled), r.loop(1));
  while (!started) std::this_thread::yield();
  CHECK_THROWS_AS(f.result(2ms), timeout_error);
  CHECK_FALSE(f.done());
  CHECK(f.cancel());
  CHECK_THROWS_AS(f.result(), cancelled_error);
  CHECK(cancelled);
  CHECK(f.cancelled());
  CHECK_FALSE(f.cancel());
}

TEST_CASE("SAFE-007: a task that was cancelled makes its future cancelled", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  const auto cancel_itself = []() -> coro<> {
    current_task().cancel();
    co_await sleep(0ns);
  };
  const auto f = run_coroutine_threadsafe(cancel_itself(), r);
  CHECK_THROWS_AS(f.result(), cancelled_error);
  CHECK(f.cancelled());
}

TEST_CASE("SAFE-004: a future whose handle is dropped runs on", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  std::atomic<int> ran{0};
  const auto body = [](std::atomic<int>& count) -> coro<> {
    co_await sleep(0ns);
    ++count;
  };
  for (int i = 0; i < 100; ++i) static_cast<void>(run_coroutine_threadsafe(body(ran), r));
  while (ran < 100) std::this_thread::yield();
  CHECK(ran == 100);
}

TEST_CASE("threads: a loop's own thread may not block on a result", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  const auto block = [](runtime& other) -> coro<std::string> {
    event never;
    const auto f = run_coroutine_threadsafe(wait_for_event(never), other.loop(1));
    std::string how;
    try {
      f.result();
    } catch (const would_deadlock& e) {
      how = e.what();
    }
    never.set();
    while (!f.done()) co_await sleep(0ns);
    f.result();
    co_return how;
  };
  const std::string how = run_coroutine_threadsafe(block(r), r.loop(0)).result();
  CHECK(how.find("would block the thread of a running event loop") != std::string::npos);
}

TEST_CASE("threads: a closed runtime refuses work and destroys the coroutine", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  r.stop();
  const auto token = std::make_shared<int>(1);
  const auto body = [](std::shared_ptr<int>) -> coro<> { co_return; };
  CHECK_THROWS_AS(run_coroutine_threadsafe(body(token), r), loop_closed);
  CHECK_THROWS_AS(run_coroutine_threadsafe(body(token), r.loop(0)), loop_closed);
  CHECK(token.use_count() == 1);
}

TEST_CASE("threads: several threads submit at the same time", "[runtime][threads]") {
  for (const int loops : {2, 4, 8}) {
    runtime r(run_options().loops(loops));
    constexpr int threads = 4;
    constexpr int each = 500;
    std::atomic<long> sum{0};
    std::vector<std::thread> others;
    for (int t = 0; t < threads; ++t) {
      others.emplace_back([&] {
        std::vector<blocking_future<int>> results;
        for (int i = 0; i < each; ++i) results.push_back(run_coroutine_threadsafe(add(i, 1), r));
        for (const auto& f : results) sum += f.result();
      });
    }
    for (std::thread& t : others) t.join();
    CHECK(sum == threads * (each * (each - 1) / 2 + each));
  }
}

TEST_CASE("threads: several threads wait for one result", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  event gate;
  const auto body = [](event& e) -> coro<int> {
    co_await e.wait();
    co_return 6;
  };
  const auto f = run_coroutine_threadsafe(body(gate), r);
  std::atomic<int> sum{0};
  std::vector<std::thread> others;
  for (int t = 0; t < 4; ++t) others.emplace_back([&] { sum += f.result(); });
  gate.set();
  for (std::thread& t : others) t.join();
  CHECK(sum == 24);
}

TEST_CASE("XLOOP-001, XLOOP-009: of several threads that end a future exactly one succeeds", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  for (int round = 0; round < 100; ++round) {
    const future<int> f = r.loop(0).create_future<int>();
    std::atomic<int> callbacks{0};
    f.add_done_callback([&callbacks](const future<int>&) { ++callbacks; });
    std::atomic<int> winners{0};
    std::vector<std::thread> racers;
    for (int t = 0; t < 3; ++t) {
      racers.emplace_back([&winners, &f, t] {
        try {
          if (t == 2) {
            winners += f.cancel() ? 1 : 0;
          } else {
            f.set_result(t);
            ++winners;
          }
        } catch (const invalid_state_error&) {
        }
      });
    }
    for (std::thread& each : racers) each.join();
    CHECK(winners == 1);
    while (callbacks == 0) std::this_thread::yield();
    const auto nothing = []() -> coro<> { co_return; };
    run_coroutine_threadsafe(nothing(), r.loop(0)).result();
    CHECK(callbacks == 1);
  }
}

TEST_CASE("threads: a future set from a thread wakes the task that awaits it", "[runtime][threads]") {
  runtime r(run_options().loops(4));
  for (int round = 0; round < 200; ++round) {
    const future<int> f = r.loop(round % 4).create_future<int>();
    const auto body = [](future<int> awaited) -> coro<int> { co_return co_await awaited; };
    const auto result = run_coroutine_threadsafe(body(f), r);
    f.set_result(round);
    CHECK(result.result() == round);
  }
}

TEST_CASE("XLOOP-029: an error that nobody took is reported once, whichever thread drops the last handle",
          "[runtime][threads]") {
  runtime r(run_options().loops(2));
  std::atomic<int> reports{0};
  for (int i = 0; i < 2; ++i) {
    r.loop(i).set_exception_handler([&reports](event_loop&, const exception_context&) { ++reports; });
  }
  auto f = std::make_unique<future<int>>(r.loop(0).create_future<int>());
  f->set_exception(std::runtime_error("unseen"));
  std::thread([&f] { f.reset(); }).join();
  CHECK(reports == 1);
}

TEST_CASE("threads: cancels from a thread race with fork-joins", "[runtime][threads]") {
  struct tree {
    static coro<int> node(int depth) {
      if (depth == 0) {
        co_await sleep(0ns);
        co_return 1;
      }
      const auto [a, b] = co_await gather(node(depth - 1), node(depth - 1));
      co_return a + b;
    }
  };
  runtime r(run_options().loops(4));
  for (int round = 0; round < 200; ++round) {
    const auto f = run_coroutine_threadsafe(tree::node(4), r);
    for (int i = 0; i < round % 10; ++i) std::this_thread::yield();
    const bool accepted = f.cancel();
    std::string how;
    try {
      how = std::to_string(f.result());
    } catch (const cancelled_error&) {
      how = "cancelled";
    }
    CHECK((how == "16" || how == "cancelled"));
    if (!accepted) CHECK(how == "16");
  }
}

TEST_CASE("threads: a task's text may be asked for while it runs", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  std::atomic<bool> stop{false};
  const auto busy = [](std::atomic<bool>& end) -> coro<> {
    event never;
    while (!end) {
      co_await sleep(0ns);
      const std::string how = co_await outcome(wait_for([](event& e) -> coro<> { co_await e.wait(); }(never), 10us));
      if (how != "timeout") throw std::runtime_error(how);
    }
  };
  std::vector<task<>> tasks;
  const auto start = [](auto body, std::atomic<bool>& end, std::vector<task<>>& out) -> coro<> {
    for (int i = 0; i < 4; ++i) out.push_back(create_task(body, std::ref(end)));
    co_return;
  };
  run_coroutine_threadsafe(start(busy, stop, tasks), r).result();
  for (int i = 0; i < 500; ++i) {
    const std::string text = to_string(tasks[static_cast<std::size_t>(i % 4)]);
    CHECK(text.rfind("<Task ", 0) == 0);
  }
  stop = true;
  const auto end_all = [](std::vector<task<>>& all) -> coro<> { co_await gather(all); };
  run_coroutine_threadsafe(end_all(tasks), r).result();
}
