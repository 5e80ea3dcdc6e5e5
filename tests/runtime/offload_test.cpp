// SPDX-License-Identifier: BSL-1.0
// to_thread, run_in_executor and the pool.
#include "loop_test.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

/// Holds threads until it is opened.
class gate {
 public:
  void wait() {
    std::unique_lock hold(guard_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(hold, [this] { return open_; });
  }
  void open() {
    const std::lock_guard hold(guard_);
    open_ = true;
    changed_.notify_all();
  }
  /// Blocks until `n` threads wait.
  void await_waiters(int n) {
    std::unique_lock hold(guard_);
    changed_.wait(hold, [&] { return waiting_ >= n; });
  }
  [[nodiscard]] int waiting() {
    const std::lock_guard hold(guard_);
    return waiting_;
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

int add(int a, int b) { return a + b; }

coro<> offload_and_note(gate& g, std::string& how) {
  const auto work = [](gate* held) { held->wait(); };
  how = co_await outcome(to_thread(work, &g));
}

}  // namespace

LOOP_TEST("THREAD-001: to_thread gives the function's value", "[runtime][offload]") {
  const int sum = co_await to_thread(add, 1, 2);
  CHECK(sum == 3);
  int calls = 0;
  const auto count = [](int& n) { ++n; };
  co_await to_thread(count, std::ref(calls));
  CHECK(calls == 1);
}

LOOP_TEST("THREAD-001: arguments are moved in, results moved out", "[runtime][offload]") {
  const auto twice = [](std::unique_ptr<int> value) { return std::make_unique<int>(*value * 2); };
  const std::unique_ptr<int> result = co_await to_thread(twice, std::make_unique<int>(4));
  CHECK(*result == 8);
}

TEST_CASE("THREAD-001: the function runs on another thread", "[runtime][offload]") {
  const auto main = []() -> coro<bool> {
    const std::thread::id here = std::this_thread::get_id();
    const auto where = [] { return std::this_thread::get_id(); };
    const std::thread::id there = co_await to_thread(where);
    co_return here != there && std::this_thread::get_id() == here;
  };
  for (const int loops : {1, 4}) CHECK(run(main(), run_options().loops(loops)));
}

TEST_CASE("THREAD-002: several functions run at once, and the loop goes on", "[runtime][offload]") {
  const auto main = []() -> coro<int> {
    gate g;
    const auto work = [](gate* held) {
      held->wait();
      return 1;
    };
    std::vector<task<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(create_task(to_thread(work, &g)));
    while (g.waiting() < 3) co_await sleep(100us);
    g.open();
    int sum = 0;
    for (const task<int>& each : tasks) sum += co_await each;
    co_return sum;
  };
  for (const int loops : {1, 4}) CHECK(run(main(), run_options().loops(loops)) == 3);
}

RUNTIME_TEST("THREAD-003: an exception of the function comes out", "[runtime][offload]") {
  const auto fail = []() -> int { throw std::runtime_error("on the thread"); };
  const std::string how = co_await outcome(to_thread(fail));
  CHECK(how == "error: on the thread");
}

RUNTIME_TEST("THREAD-002: many at once from many tasks", "[runtime][offload]") {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 100; ++i) bodies.push_back(to_thread(add, i, 1));
  const std::vector<int> results = co_await gather(std::move(bodies));
  int sum = 0;
  for (const int each : results) sum += each;
  CHECK(sum == 5050);
}

TEST_CASE("THREAD-005: run_in_executor uses the pool it is given", "[runtime][offload]") {
  const auto pool = std::make_shared<thread_pool_executor>(1, "own");
  const auto main = [](std::shared_ptr<thread_pool_executor> own) -> coro<int> {
    co_return co_await run_in_executor(own, add, 2, 3);
  };
  CHECK(run(main(pool), one_loop()) == 5);
  CHECK(pool->thread_count() == 1);
}

TEST_CASE("THREAD-007: a cancel of a running function ends the await; the function goes on", "[runtime][offload]") {
  for (const int loops : {1, 4}) {
    gate g;
    std::string how;
    const auto main = [](gate& held, std::string& out) -> coro<bool> {
      const task<> t = create_task(offload_and_note(held, out));
      while (held.waiting() < 1) co_await sleep(100us);
      t.cancel();
      co_await t;
      held.open();
      co_return t.done();
    };
    CHECK(run(main(g, how), run_options().loops(loops)));
    CHECK(how == "cancelled");
  }
}

TEST_CASE("THREAD-008: a function that was cancelled before it began does not run", "[runtime][offload]") {
  const auto pool = std::make_shared<thread_pool_executor>(1);
  std::atomic<bool> ran{false};
  const auto main = [](std::shared_ptr<thread_pool_executor> own, std::atomic<bool>& flag) -> coro<> {
    gate g;
    const auto block = [](gate* held) { held->wait(); };
    const auto note = [](std::atomic<bool>* out) { *out = true; };
    const task<> first = create_task(run_in_executor(own, block, &g));
    while (g.waiting() < 1) co_await sleep(100us);
    const task<> second = create_task(run_in_executor(own, note, &flag));
    co_await settle(2);
    second.cancel();
    const std::string how = co_await outcome(second);
    CHECK(how == "cancelled");
    g.open();
    co_await first;
  };
  run(main(pool, ran), one_loop());
  pool->shutdown(std::chrono::steady_clock::time_point::max());
  CHECK_FALSE(ran);
}

TEST_CASE("thread pool: threads appear under demand, up to the bound", "[runtime][offload]") {
  thread_pool_executor pool(3);
  CHECK(pool.thread_count() == 0);
  gate g;
  std::atomic<int> ended{0};
  for (int i = 0; i < 10; ++i) {
    pool.submit([&] {
      g.wait();
      ++ended;
    });
  }
  g.await_waiters(3);
  CHECK(pool.thread_count() == 3);
  CHECK(g.waiting() == 3);
  g.open();
  CHECK(pool.shutdown(std::chrono::steady_clock::time_point::max()));
  CHECK(ended == 10);
  CHECK(pool.thread_count() == 0);
}

TEST_CASE("thread pool: an idle thread is used again, and leaves in the end", "[runtime][offload]") {
  thread_pool_executor pool(4, "short", 5ms);
  for (int i = 0; i < 5; ++i) {
    gate done;
    pool.submit([&done] { done.open(); });
    done.wait();
  }
  CHECK(pool.thread_count() <= 4);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (pool.thread_count() > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  CHECK(pool.thread_count() == 0);
  gate again;
  pool.submit([&again] { again.open(); });
  again.wait();
}

TEST_CASE("THREAD-010: after its shutdown a pool refuses work", "[runtime][offload]") {
  thread_pool_executor pool(1);
  CHECK(pool.shutdown(std::chrono::steady_clock::now()));
  CHECK_THROWS_AS(pool.submit([] {}), error);
}

TEST_CASE("THREAD-011: a shutdown gives up at its deadline", "[runtime][offload]") {
  const auto g = std::make_shared<gate>();
  {
    thread_pool_executor pool(1);
    pool.submit([g] { g->wait(); });
    g->await_waiters(1);
    CHECK_FALSE(pool.shutdown(std::chrono::steady_clock::now() + 2ms));
  }
  g->open();
}
