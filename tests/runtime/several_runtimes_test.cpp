// SPDX-License-Identifier: BSL-1.0
// Several runtimes, and loops in threads of the user's own, side by side in one process.
#include "loop_test.hpp"
#include "thread_gate.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> number(int n) {
  co_await sleep(0ns);
  co_return n;
}

coro<event_loop*> where() {
  co_await sleep(0ns);
  co_return &get_running_loop();
}

coro<> wait_for_event(event& e) { co_await e.wait(); }

/// A loop that runs in a thread of the test's own.
class looping_thread {
 public:
  looping_thread()
      : loop_(new_event_loop()), thread_([this] {
          set_event_loop(loop_);
          loop_->run_forever();
        }) {}
  looping_thread(const looping_thread&) = delete;
  looping_thread& operator=(const looping_thread&) = delete;
  ~looping_thread() {
    loop_->call_soon_threadsafe([this] { loop_->stop(); });
    thread_.join();
    loop_->close();
  }
  [[nodiscard]] event_loop& loop() const { return *loop_; }
  [[nodiscard]] std::thread::id id() const { return thread_.get_id(); }

 private:
  std::shared_ptr<event_loop> loop_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("SAFE-004: tasks stay in the runtime that they were given to", "[runtime][threads]") {
  runtime a(run_options().loops(2));
  runtime b(run_options().loops(2));
  const auto member = [](const runtime& r, const event_loop* loop) { return loop == &r.loop(0) || loop == &r.loop(1); };
  for (int i = 0; i < 200; ++i) {
    CHECK(member(a, run_coroutine_threadsafe(where(), a).result()));
    CHECK(member(b, run_coroutine_threadsafe(where(), b).result()));
  }
  CHECK(a.stats().tasks_run > 0);
  a.stop();
  CHECK(run_coroutine_threadsafe(number(3), b).result() == 3);
}

TEST_CASE("SAFE-004: runtimes share neither executor, nor tasks, nor names of tasks", "[runtime][threads]") {
  runtime a(run_options().loops(2));
  runtime b(run_options().loops(2));
  const auto end_executor = []() -> coro<> { co_await get_running_loop().shutdown_default_executor(); };
  run_coroutine_threadsafe(end_executor(), a).result();
  const auto offload = []() -> coro<int> { co_return co_await to_thread([] { return 4; }); };
  CHECK_THROWS_AS(run_coroutine_threadsafe(offload(), a).result(), error);
  CHECK(run_coroutine_threadsafe(offload(), b).result() == 4);
  const auto count = []() -> coro<std::size_t> { co_return all_tasks().size(); };
  event never;
  const auto waiting = run_coroutine_threadsafe(wait_for_event(never), a);
  CHECK(run_coroutine_threadsafe(count(), b).result() == 1);
  CHECK(run_coroutine_threadsafe(count(), a).result() == 2);
  waiting.cancel();
  CHECK_THROWS_AS(waiting.result(), cancelled_error);
}

TEST_CASE("SAFE-013: a task of another runtime cannot be awaited; wrap_future takes its result over",
          "[runtime][threads]") {
  runtime a(run_options().loops(2));
  runtime b(run_options().loops(2));
  const future<int> foreign = a.loop(0).create_future<int>();
  const auto await = [](future<int> f) -> coro<int> { co_return co_await f; };
  CHECK_THROWS_AS(run_coroutine_threadsafe(await(foreign), b).result(), foreign_runtime);
  foreign.cancel();
  const auto ask = [](runtime& other) -> coro<int> {
    const future<int> answer = wrap_future(run_coroutine_threadsafe(number(5), other));
    co_return co_await answer;
  };
  CHECK(run_coroutine_threadsafe(ask(a), b).result() == 5);
}

TEST_CASE("SAFE-013: wait() and task groups refuse tasks of another runtime", "[runtime][threads]") {
  runtime a(run_options().loops(2));
  runtime b(run_options().loops(2));
  const future<int> foreign = a.loop(0).create_future<int>();
  const auto wait_for_it = [](future<int> f) -> coro<> { static_cast<void>(co_await wait(f)); };
  CHECK_THROWS_AS(run_coroutine_threadsafe(wait_for_it(foreign), b).result(), foreign_runtime);
  foreign.cancel();
  const auto start_there = [](event_loop& there) -> coro<> {
    task_options options;
    options.loop = &there;
    co_await with_task_group([&](task_group& group) -> coro<> {
      CHECK_THROWS_AS(group.create_task(number(1), options), foreign_runtime);
      CHECK_THROWS_AS(group.create_task(options, number, 1), foreign_runtime);
      co_return;
    });
  };
  run_coroutine_threadsafe(start_there(a.loop(0)), b).result();
  const auto start_here = [](event_loop& other) -> coro<int> {
    task_options options;
    options.loop = &other;
    task<int> made;
    co_await with_task_group([&](task_group& group) -> coro<> {
      made = group.create_task(number(1), options);
      co_return;
    });
    co_return made.result();
  };
  CHECK(run_coroutine_threadsafe(start_here(b.loop(1)), b.loop(0)).result() == 1);
}

TEST_CASE(
    "SAFE-013: tasks, futures, locks and queues may be used from the loops of one runtime; other threads go through "
    "call_soon_threadsafe",
    "[runtime][threads]") {
  runtime r(run_options().loops(4));
  queue<int> shared;
  std::atomic<int> sum{0};
  const auto take = [](queue<int>& from, std::atomic<int>& out) -> coro<> {
    for (int i = 0; i < 100; ++i) out += co_await from.get();
  };
  std::vector<blocking_future<void>> takers;
  for (int i = 0; i < 4; ++i) takers.push_back(run_coroutine_threadsafe(take(shared, sum), r.loop(i)));
  std::vector<std::thread> others;
  for (int t = 0; t < 4; ++t) {
    others.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) r.loop(t).call_soon_threadsafe([&shared] { shared.put_nowait(1); });
    });
  }
  for (std::thread& each : others) each.join();
  for (const auto& each : takers) each.result();
  CHECK(sum == 400);
}

TEST_CASE("SAFE-001: a loop in a thread of the user's own works beside a runtime", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  looping_thread own;
  CHECK(run_coroutine_threadsafe(where(), own.loop()).result() == &own.loop());
  const auto ask = [](event_loop& other) -> coro<int> {
    const future<int> answer = wrap_future(run_coroutine_threadsafe(number(7), other));
    co_return co_await answer;
  };
  CHECK(run_coroutine_threadsafe(ask(own.loop()), r).result() == 7);
  CHECK(run_coroutine_threadsafe(ask(r.loop(1)), own.loop()).result() == 7);
  std::atomic<bool> right_thread{false};
  thread_gate done;
  own.loop().call_soon_threadsafe([&] {
    right_thread = std::this_thread::get_id() == own.id();
    done.open();
  });
  done.wait();
  CHECK(right_thread);
  const auto offload = []() -> coro<int> { co_return co_await to_thread([] { return 4; }); };
  CHECK(run_coroutine_threadsafe(offload(), own.loop()).result() == 4);
}

TEST_CASE("SAFE-004: runtimes in many threads at once", "[runtime][threads]") {
  std::atomic<int> sum{0};
  std::vector<std::thread> others;
  for (int t = 0; t < 4; ++t) {
    others.emplace_back([&sum, t] {
      for (int round = 0; round < 5; ++round) {
        if (t % 2 == 0) {
          sum += run(number(1), run_options().loops(2));
        } else {
          runtime r(run_options().loops(2));
          sum += run_coroutine_threadsafe(number(1), r).result();
        }
      }
    });
  }
  for (std::thread& each : others) each.join();
  CHECK(sum == 20);
}
