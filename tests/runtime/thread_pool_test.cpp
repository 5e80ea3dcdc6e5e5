// SPDX-License-Identifier: BSL-1.0
// thread_pool_executor: threads, bounds, names, figures, its end.
#include "loop_test.hpp"
#include "thread_gate.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

constexpr auto no_limit = std::chrono::steady_clock::time_point::max();

std::string thread_name() {
  char name[16] = "";
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

int add(int a, int b) { return a + b; }

/// Fills the pool's one thread; returns when it is in there.
void occupy(thread_pool_executor& pool, thread_gate& g) {
  pool.submit([&g] { g.wait(); });
  g.await_waiters(1);
}

/// Whether a thread of this process waits for something.
bool sleeps(pid_t thread) {
  std::ifstream stat("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string line;
  std::getline(stat, line);
  const std::size_t end_of_name = line.rfind(')');
  return end_of_name != std::string::npos && line.compare(end_of_name, 3, ") S") == 0;
}

}  // namespace

TEST_CASE("thread pool: threads appear under demand, up to the bound", "[runtime][offload]") {
  thread_pool_executor pool(3);
  CHECK(pool.thread_count() == 0);
  thread_gate g;
  std::atomic<int> ended{0};
  for (int i = 0; i < 10; ++i) {
    pool.submit([&] {
      g.wait();
      ++ended;
    });
  }
  g.await_waiters(3);
  const thread_pool_stats busy = pool.stats();
  CHECK(busy.threads == 3);
  CHECK(busy.idle == 0);
  CHECK(busy.queued == 7);
  CHECK(g.waiting() == 3);
  g.open();
  CHECK(pool.shutdown(no_limit));
  CHECK(ended == 10);
  const thread_pool_stats after = pool.stats();
  CHECK(after.threads == 0);
  CHECK(after.completed == 10);
  CHECK(after.peak_threads == 3);
  CHECK(after.peak_queued >= 7);
}

TEST_CASE("thread pool: functions that need each other find all idle threads", "[runtime][offload]") {
  thread_pool_executor pool(4);
  for (int round = 0; round < 50; ++round) {
    thread_gate g;
    for (int i = 0; i < 4; ++i) pool.submit([&g] { g.wait(); });
    g.await_waiters(4);
    CHECK(g.waiting() == 4);
    g.open();
    while (pool.stats().idle != 4) std::this_thread::yield();
  }
  CHECK(pool.stats().threads == 4);
}

TEST_CASE("thread pool: an idle thread is used again, and leaves in the end", "[runtime][offload]") {
  thread_pool_executor pool(thread_pool_options().max_threads(4).name("short").idle_timeout(1ms));
  for (int i = 0; i < 5; ++i) CHECK(pool.submit(add, i, 1).result() == i + 1);
  CHECK(pool.thread_count() <= 4);
  while (pool.thread_count() > 0) std::this_thread::yield();
  CHECK(pool.submit(add, 1, 1).result() == 2);
}

TEST_CASE("thread pool: its threads have its name and a number", "[runtime][offload]") {
  thread_pool_executor pool(1, "images and more");
  CHECK(pool.submit(thread_name).result() == "images and-0");
  thread_pool_executor plain;
  CHECK(plain.submit(thread_name).result() == "gyre-pool-0");
}

TEST_CASE("thread pool: submit() gives a future to wait on", "[runtime][offload]") {
  thread_pool_executor pool(2);
  CHECK(pool.submit(add, 1, 2).result() == 3);
  const auto fail = []() -> int { throw std::runtime_error("on the thread"); };
  CHECK_THROWS_WITH(pool.submit(fail).result(), "on the thread");
  const blocking_future<std::unique_ptr<int>> moved = pool.submit([] { return std::make_unique<int>(4); });
  CHECK(*moved.result() == 4);
  CHECK_THROWS_AS(moved.result(), invalid_state_error);
}

TEST_CASE("thread pool: a cancelled future of a function that has not begun; one that runs goes on",
          "[runtime][offload]") {
  thread_gate g;
  thread_pool_executor pool(1);
  std::atomic<bool> ran{false};
  const auto running = pool.submit([&g] {
    g.wait();
    return 1;
  });
  g.await_waiters(1);
  const auto waiting = pool.submit([&ran] { ran = true; });
  CHECK(waiting.cancel());
  CHECK(waiting.cancelled());
  CHECK_THROWS_AS(waiting.result(), cancelled_error);
  CHECK(running.cancel());
  CHECK_THROWS_AS(running.result(), cancelled_error);
  g.open();
  CHECK(pool.shutdown(no_limit));
  CHECK_FALSE(ran);
}

TEST_CASE("thread pool: at its queue's bound the submitter gets an error", "[runtime][offload]") {
  thread_gate g;
  thread_pool_executor pool(thread_pool_options().max_threads(1).max_queue(2, submission_overflow::error));
  occupy(pool, g);
  const auto first = pool.submit(add, 1, 1);
  const auto second = pool.submit(add, 2, 2);
  CHECK_THROWS_AS(pool.submit(add, 3, 3), queue_full);
  CHECK(pool.stats().queued == 2);
  g.open();
  CHECK(first.result() + second.result() == 6);
  CHECK(pool.submit(add, 3, 3).result() == 6);
}

TEST_CASE("thread pool: at its queue's bound the submitter waits", "[runtime][offload]") {
  thread_gate g;
  thread_pool_executor pool(thread_pool_options().max_threads(1).max_queue(0));
  occupy(pool, g);
  std::atomic<int> sum{0};
  std::thread other([&] { sum = pool.submit(add, 1, 1).result(); });
  CHECK(sum == 0);
  g.open();
  other.join();
  CHECK(sum == 2);
}

TEST_CASE("thread pool: threads that have yet to begin are room, too", "[runtime][offload]") {
  thread_gate g;
  thread_pool_executor pool(thread_pool_options().max_threads(3).max_queue(0, submission_overflow::error));
  for (int i = 0; i < 3; ++i) CHECK_NOTHROW(pool.submit([&g] { g.wait(); }));
  CHECK_THROWS_AS(pool.submit(add, 1, 1), queue_full);
  g.await_waiters(3);
  g.open();
}

TEST_CASE("thread pool: who waits for room gets in when work is taken out", "[runtime][offload]") {
  thread_gate first;
  thread_gate second;
  thread_pool_executor pool(thread_pool_options().max_threads(1).max_queue(1));
  occupy(pool, first);
  pool.submit([&second] { second.wait(); });
  std::atomic<bool> inside{false};
  std::thread other([&] {
    const auto sum = pool.submit(add, 1, 1);
    inside = true;
    static_cast<void>(sum.result());
  });
  first.open();
  while (!inside) std::this_thread::yield();  // the second function takes its time
  second.open();
  other.join();
}

TEST_CASE("thread pool: its own functions never wait for room", "[runtime][offload]") {
  thread_pool_executor pool(thread_pool_options().max_threads(1).max_queue(0));
  const auto asks_for_more = [&pool] {
    try {
      pool.submit(add, 1, 1);
      return false;
    } catch (const queue_full&) {
      return true;
    }
  };
  CHECK(pool.submit(asks_for_more).result());
}

TEST_CASE("thread pool: a loop's own thread never waits for room", "[runtime][offload]") {
  const auto main = []() -> coro<> {
    thread_gate g;
    const auto pool = std::make_shared<thread_pool_executor>(thread_pool_options().max_threads(1).max_queue(0));
    occupy(*pool, g);
    event_loop& loop = get_running_loop();
    CHECK_THROWS_AS(loop.run_in_executor(pool, add, 1, 1), queue_full);
    loop.set_default_executor(pool);
    const std::string how = co_await outcome(to_thread(add, 1, 1));
    CHECK(how == "error: queue is full");
    g.open();
  };
  run(main(), one_loop());
}

TEST_CASE("thread pool: many submitters at a small bound", "[runtime][offload]") {
  thread_pool_executor pool(thread_pool_options().max_threads(2).max_queue(1).idle_timeout(0ms));
  std::atomic<int> sum{0};
  std::vector<std::thread> others;
  for (int t = 0; t < 4; ++t) {
    others.emplace_back([&] {
      for (int i = 0; i < 500; ++i) pool.submit([&sum] { ++sum; });
    });
  }
  for (std::thread& each : others) each.join();
  CHECK(pool.shutdown(no_limit));
  CHECK(sum == 2000);
  CHECK(pool.stats().peak_threads <= 2);
}

TEST_CASE("THREAD-010: after its shutdown a pool refuses work", "[runtime][offload]") {
  thread_pool_executor pool(1);
  CHECK(pool.shutdown(std::chrono::steady_clock::now()));
  CHECK_THROWS_AS(pool.submit([] {}), error);
}

TEST_CASE("thread pool: a submitter that waits is refused when the pool ends", "[runtime][offload]") {
  thread_gate g;
  thread_pool_executor pool(thread_pool_options().max_threads(1).max_queue(0));
  occupy(pool, g);
  std::atomic<bool> refused{false};
  std::atomic<pid_t> number{0};
  std::thread other([&] {
    number = ::gettid();
    try {
      pool.submit(add, 1, 1);
    } catch (const error&) {
      refused = true;
    }
  });
  while (number == 0 || !sleeps(number)) std::this_thread::yield();
  CHECK_FALSE(pool.shutdown(std::chrono::steady_clock::now()));
  const auto patience = std::chrono::steady_clock::now() + 10s;
  while (!refused && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
  CHECK(refused);  // while the pool's thread is still in its function
  g.open();
  other.join();
  while (pool.thread_count() > 0) std::this_thread::yield();
}

TEST_CASE("THREAD-011: a shutdown gives up at its deadline and tells what runs", "[runtime][offload]") {
  const auto g = std::make_shared<thread_gate>();
  {
    thread_pool_executor pool(1);
    pool.submit([g] { g->wait(); });
    g->await_waiters(1);
    pool.submit(add, 1, 1);
    CHECK_FALSE(pool.shutdown(std::chrono::steady_clock::now() + 2ms));
    const std::vector<std::string> left = pool.unfinished();
    CHECK(left.size() == 2);
    CHECK(left.at(0).find("submit(") == 0);
    CHECK(left.at(0).find(", running for ") != std::string::npos);
    CHECK(left.at(1) == "1 more that have not begun");
  }
  g->open();
}

TEST_CASE("FAULT-37: the last owner may be a function of the pool", "[runtime][offload]") {
  auto pool = std::make_shared<thread_pool_executor>(1);
  thread_gate g;
  const auto f = pool->submit([kept = pool, &g]() mutable {
    g.wait();
    kept.reset();
    return 7;
  });
  pool.reset();
  g.open();
  CHECK(f.result() == 7);
}

TEST_CASE("executor: one of the user's own runs functions for to_thread's kin", "[runtime][offload]") {
  /// Runs each function at once, on the submitting thread.
  class inline_executor final : public offload_executor {
   public:
    void execute(offload_work work) override {
      text = to_string(work);
      work();
    }
    bool shutdown(std::chrono::steady_clock::time_point) override { return true; }
    std::string text;
  };
  const auto main = []() -> coro<> {
    inline_executor own;
    const int sum = co_await get_running_loop().run_in_executor(&own, add, 1, 2);
    CHECK(sum == 3);
    CHECK(own.text.find("run_in_executor(int (*)(int, int)), called at ") == 0);
    CHECK(own.text.find("by task 'Task-1'") != std::string::npos);
  };
  run(main(), one_loop());
}

TEST_CASE("executor: a function that an executor drops is cancelled", "[runtime][offload]") {
  class dropping_executor final : public offload_executor {
   public:
    void execute(offload_work) override {}
    bool shutdown(std::chrono::steady_clock::time_point) override { return true; }
  };
  dropping_executor own;
  CHECK_THROWS_AS(own.submit(add, 1, 2).result(), cancelled_error);
  const auto main = [](dropping_executor& dropping) -> coro<std::string> {
    co_return co_await outcome(get_running_loop().run_in_executor(&dropping, add, 1, 2));
  };
  CHECK(run(main(own), one_loop()) == "cancelled");
}
