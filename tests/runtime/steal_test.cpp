// SPDX-License-Identifier: BSL-1.0
// Where tasks run: stealing, pinning, moving.
#include "loop_test.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

constexpr auto patience = 20s;

/// Holds the thread, as user code that computes would, until `value` reaches `target`. False when that took too long.
bool block_until(const std::atomic<int>& value, int target) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (value.load() < target) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

coro<bool> arrive_and_block(std::atomic<int>& arrived, int everybody) {
  ++arrived;
  co_return block_until(arrived, everybody);
}

coro<int> count_moves(int turns) {
  int moves = 0;
  const event_loop* last = &get_running_loop();
  for (int i = 0; i < turns; ++i) {
    co_await sleep(0ns);
    const event_loop* here = &get_running_loop();
    if (here != last) ++moves;
    last = here;
  }
  co_return moves;
}

coro<int> child_moves() {
  const task<int> child = create_task(count_moves(20));
  co_return co_await child;
}

coro<bool> loop_follows(int turns) {
  bool right = true;
  for (int i = 0; i < turns; ++i) {
    co_await sleep(0ns);
    const any_task me = current_task();
    right = right && &me.get_loop() == &get_running_loop();
  }
  co_return right;
}

coro<int> visit_all() {
  int right = 0;
  const int n = loop_count();
  for (int i = 0; i < n; ++i) {
    event_loop& target = current_runtime().loop(i);
    co_await resume_on(target);
    right += &get_running_loop() == &target ? 1 : 0;
  }
  co_return right;
}

}  // namespace

TEST_CASE("stealing: tasks that each hold a thread run at the same time", "[runtime][steal]") {
  for (const int loops : {2, 4, 8}) {
    const auto main = [](int n) -> coro<bool> {
      std::atomic<int> arrived{0};
      std::vector<task<bool>> tasks;
      for (int i = 0; i < n - 1; ++i) tasks.push_back(create_task(arrive_and_block(arrived, n - 1)));
      bool all = true;
      for (const task<bool>& each : tasks) {
        const bool in_time = co_await each;
        all = all && in_time;
      }
      co_return all;
    };
    CHECK(run(main(loops), run_options().loops(loops)));
  }
}

TEST_CASE("stealing: children of a fork-join that each hold a thread run at the same time", "[runtime][steal]") {
  for (const int loops : {2, 4, 8}) {
    const auto main = [](int n) -> coro<bool> {
      std::atomic<int> arrived{0};
      std::vector<coro<bool>> bodies;
      for (int i = 0; i < n; ++i) bodies.push_back(arrive_and_block(arrived, n));
      const auto results = co_await gather(return_exceptions, std::move(bodies));
      bool all = true;
      for (const auto& each : results) all = all && each.value();
      co_return all;
    };
    CHECK(run(main(loops), run_options().loops(loops)));
  }
}

RUNTIME_TEST("pinned: a pinned task never leaves its loop", "[runtime][pin]") {
  std::vector<task<int>> tasks;
  for (int i = 0; i < 20; ++i) {
    const task_options options{.pin = true, .loop = &current_runtime().loop(i % loop_count())};
    tasks.push_back(create_task(count_moves(20), options));
  }
  for (const task<int>& each : tasks) {
    const int moves = co_await each;
    CHECK(moves == 0);
  }
}

RUNTIME_TEST("pinned: what loop.create_task makes is pinned to that loop", "[runtime][pin]") {
  event_loop& last = current_runtime().loop(loop_count() - 1);
  const task<int> t = last.create_task(count_moves(20));
  CHECK(&t.get_loop() == &last);
  const int moves = co_await t;
  CHECK(moves == 0);
  CHECK(&t.get_loop() == &last);
}

RUNTIME_TEST("pinned: children inherit it", "[runtime][pin]") {
  const task_options options{.pin = true, .loop = &current_runtime().loop(1)};
  const task<int> t = create_task(child_moves(), options);
  const int moves = co_await t;
  CHECK(moves == 0);
}

RUNTIME_TEST("pinned: main stays on the calling thread", "[runtime][pin]") {
  const std::thread::id before = std::this_thread::get_id();
  bool same = true;
  std::vector<task<int>> others;
  for (int i = 0; i < 10; ++i) others.push_back(create_task(count_moves(10)));
  for (int i = 0; i < 20; ++i) {
    co_await sleep(0ns);
    same = same && std::this_thread::get_id() == before;
  }
  co_await gather(others);
  same = same && std::this_thread::get_id() == before;
  CHECK(same);
}

RUNTIME_TEST("XLOOP-022: running loop and current task follow a task that moves", "[runtime][steal]") {
  std::vector<task<bool>> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back(create_task(loop_follows(10)));
  for (const task<bool>& each : tasks) {
    const bool right = co_await each;
    CHECK(right);
  }
}

RUNTIME_TEST("resume_on: a task goes on, on the loop it asked for", "[runtime][resume_on]") {
  const task_options pinned{.pin = true};
  const task<int> t = create_task(visit_all(), pinned);
  const int right = co_await t;
  CHECK(right == loop_count());
}

RUNTIME_TEST("resume_on: a stealable task begins there, however idle the others are", "[runtime][resume_on]") {
  std::vector<task<int>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(create_task(visit_all()));
  for (const task<int>& each : tasks) {
    const int right = co_await each;
    CHECK(right == loop_count());
  }
}

TEST_CASE("resume_on: a task on its way is at home where it goes", "[runtime][resume_on]") {
  const auto hold_up = [](std::atomic<int>& begun, const std::atomic<int>& end) -> coro<> {
    ++begun;
    static_cast<void>(block_until(end, 1));
    co_return;
  };
  const auto travel = [](event_loop& target) -> coro<> { co_await resume_on(target); };
  const auto main = [](auto holder, auto traveller, std::atomic<int>& begun, std::atomic<int>& end) -> coro<bool> {
    event_loop& target = current_runtime().loop(1);
    const task_options there{.pin = true, .loop = &target};
    create_task(there, holder, std::ref(begun), std::cref(end));
    if (!block_until(begun, 1)) co_return false;
    const task_options here{.pin = true};
    const task<> t = create_task(here, traveller, std::ref(target));
    co_await sleep(0ns);
    co_await sleep(0ns);
    const bool right = &t.get_loop() == &target && all_tasks(target).contains(t);
    end = 1;
    co_await t;
    co_return right;
  };
  std::atomic<int> begun{0};
  std::atomic<int> end{0};
  CHECK(run(main(hold_up, travel, begun, end), run_options().loops(2)));
}

RUNTIME_TEST("resume_on: main refuses to leave", "[runtime][resume_on]") {
  std::string how;
  try {
    co_await resume_on(current_runtime().loop(1));
  } catch (const error& e) {
    how = e.what();
  }
  CHECK(how == "resume_on: main stays on the thread that called run()");
  co_await sleep(0ns);
}

LOOP_TEST("resume_on: a loop of another runtime is refused", "[runtime][resume_on]") {
  const auto other = new_event_loop();
  bool refused = false;
  try {
    co_await resume_on(*other);
  } catch (const foreign_runtime&) {
    refused = true;
  }
  CHECK(refused);
  co_await sleep(0ns);
}

RUNTIME_TEST("XLOOP-024: all_tasks lists each unfinished task once while they move", "[runtime][steal]") {
  std::atomic<bool> stop{false};
  const auto spin = [](std::atomic<bool>& end) -> coro<> {
    while (!end.load()) co_await sleep(0ns);
  };
  std::vector<task<>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(create_task(spin, std::ref(stop)));
  for (int i = 0; i < 20; ++i) {
    const task_set seen = all_tasks();
    CHECK(seen.size() == 21);
    co_await sleep(0ns);
  }
  stop = true;
  co_await gather(tasks);
}

RUNTIME_TEST("XLOOP-024: all_tasks(loop) lists the tasks at home there", "[runtime][steal]") {
  event gate;
  const auto wait_in = [](event& e) -> coro<> { co_await e.wait(); };
  event_loop& second = current_runtime().loop(1);
  const task_options there{.pin = true, .loop = &second};
  std::vector<task<>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(create_task(there, wait_in, std::ref(gate)));
  CHECK(all_tasks(second).size() == 5);
  CHECK(all_tasks(get_running_loop()).contains(current_task()));
  gate.set();
  co_await gather(tasks);
  CHECK(all_tasks(second).empty());
}

namespace {

coro<event_loop*> wait_on(event_loop& there, event& gate, std::atomic<int>& begun) {
  co_await resume_on(there);
  ++begun;
  co_await gate.wait();
  co_return &get_running_loop();
}

coro<bool> hold_thread(std::atomic<int>& stuck, std::atomic<int>& end) {
  ++stuck;
  co_return block_until(end, 1);
}

coro<> wake_beside_a_stuck_loop() {
  event_loop& second = current_runtime().loop(1);
  event gate;
  std::atomic<int> begun{0};
  std::atomic<int> stuck{0};
  std::atomic<int> end{0};
  const task<event_loop*> waiter = create_task(wait_on(second, gate, begun));
  while (begun == 0) co_await sleep(0ns);
  const task_options there{.pin = true, .loop = &second};
  const task<bool> holder = create_task(there, hold_thread, std::ref(stuck), std::ref(end));
  while (stuck == 0) co_await sleep(0ns);
  const std::uint64_t steals = current_runtime().stats().steals;
  gate.set();
  const event_loop* const ran_on = co_await waiter;
  CHECK(ran_on == &get_running_loop());
  CHECK(current_runtime().stats().steals == steals);
  end = 1;
  const bool was_let_go = co_await holder;
  CHECK(was_let_go);
}

}  // namespace

TEST_CASE("stealing: a task goes on where it is woken, without a thief", "[runtime][steal]") {
  run(wake_beside_a_stuck_loop(), run_options().loops(2));
}

namespace {

coro<> answer(event& in, event& out, int times) {
  for (int i = 0; i < times; ++i) {
    co_await in.wait();
    in.clear();
    out.set();
  }
}

/// Two tasks that wake each other, so that whoever is told of the woken one comes in vain.
coro<> wake_each_other(int times) {
  event there;
  event back;
  const task<> other = create_task(answer, std::ref(there), std::ref(back), times);
  for (int i = 0; i < times; ++i) {
    there.set();
    co_await back.wait();
    back.clear();
  }
  co_await other;
}

coro<event_loop*> run_where(event& gate, std::atomic<int>& ran) {
  co_await gate.wait();
  ++ran;
  co_return &get_running_loop();
}

coro<> wake_and_compute(int times_before) {
  event gate;
  std::atomic<int> ran{0};
  const task<event_loop*> woken = create_task(run_where, std::ref(gate), std::ref(ran));
  co_await wake_each_other(times_before);
  gate.set();
  CHECK(block_until(ran, 1));
  const event_loop* const where = co_await woken;
  CHECK(where != &get_running_loop());
}

}  // namespace

TEST_CASE("stealing: a woken task does not wait until its waker has computed", "[runtime][steal]") {
  for (const int times_before : {0, 1, 100, 20'000}) run(wake_and_compute(times_before), run_options().loops(2));
}
