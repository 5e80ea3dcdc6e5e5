// SPDX-License-Identifier: BSL-1.0
// Calls that name their loop, or find the one that is set for the thread while none runs.
#include "loop_test.hpp"

#include <string>
#include <tuple>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) { co_return value; }

coro<> interrupt() {
  throw keyboard_interrupt();
  co_return;
}

coro<> see_self(const task<>& self, event_loop& here, event_loop& other) {
  CHECK(current_task() == self);
  CHECK(self == current_task());
  CHECK(current_task(here) == self);
  CHECK_FALSE(current_task(other));
  co_return;
}

/// A loop that is set for the thread while this lives.
class loop_set {
 public:
  loop_set() { set_event_loop(loop); }
  loop_set(const loop_set&) = delete;
  loop_set& operator=(const loop_set&) = delete;
  ~loop_set() { set_event_loop(nullptr); }

  std::shared_ptr<event_loop> loop = new_event_loop();
};

}  // namespace

TEST_CASE("FUT-024: a future is made for a named loop", "[loop][future]") {
  const auto loop = new_event_loop();
  const future<int> f(*loop);
  CHECK(&f.get_loop() == loop.get());
  CHECK_FALSE(f.done());
  const future<> nothing(*loop);
  nothing.set_result();
  loop->run_until_complete(nothing);
}

TEST_CASE("FUT-024: a future without a running loop belongs to the one set for the thread", "[loop][future]") {
  const loop_set here;
  const future<int> f;
  CHECK(&f.get_loop() == here.loop.get());
}

TEST_CASE("FUT-030: ensure_future makes a task of the loop that is named", "[loop][future]") {
  const auto loop = new_event_loop();
  const task<int> t = ensure_future(give(7), *loop);
  CHECK(&t.get_loop() == loop.get());
  CHECK(ensure_future(t, *loop) == t);
  CHECK(loop->run_until_complete(t) == 7);
  CHECK(loop->run_until_complete(ensure_future(sleep(0ns, 8), *loop)) == 8);
}

TEST_CASE("FUT-030: ensure_future refuses a future of another loop than the one named", "[loop][future]") {
  const auto loop = new_event_loop();
  const auto other = new_event_loop();
  const auto f = loop->create_future<int>();
  CHECK_THROWS_AS(ensure_future(f, *other), value_error);
  CHECK(ensure_future(f, *loop) == f);
}

TEST_CASE("TASK-039: current_task of a loop is the task that runs on it, none elsewhere", "[loop][task]") {
  const auto loop = new_event_loop();
  const auto other = new_event_loop();
  CHECK_FALSE(current_task(*loop));
  task<> t;
  t = loop->create_task(see_self(t, *loop, *other));
  loop->run_until_complete(t);
  CHECK_FALSE(current_task(*loop));
}

TEST_CASE("TASK-041: all_tasks of a loop compares as a set", "[loop][task]") {
  const auto loop = new_event_loop();
  CHECK(all_tasks(*loop) == task_set());
  const task<int> a = loop->create_task(give(1));
  const task<int> b = loop->create_task(give(2));
  CHECK(all_tasks(*loop) == task_set{b, a, b});
  CHECK_FALSE(all_tasks(*loop) == task_set{a});
  loop->run_until_complete(wait(a, b));
}

TEST_CASE("LOOP-015: what is a coroutine in asyncio runs like one: sleep, get, acquire", "[loop]") {
  const auto loop = new_event_loop();
  CHECK(loop->run_until_complete(sleep(0ns, 3)) == 3);
  queue<int> q;
  const task<int> getter = loop->create_task(q.get());
  loop->run_until_complete(q.put(4));
  CHECK(loop->run_until_complete(getter) == 4);
  CHECK(run(sleep(0ns, 5)) == 5);
  runner r;
  CHECK(r.run(sleep(0ns, 6)) == 6);
  CHECK(r.run(sleep(0ns, 7), context()) == 7);
}

TEST_CASE("LOOP-003: a handle may be empty until it is assigned", "[loop]") {
  const auto loop = new_event_loop();
  handle soon;
  timer_handle later;
  soon.cancel();
  later.cancel();
  CHECK_FALSE(soon);
  CHECK_FALSE(later.cancelled());
  soon = loop->call_soon([] {});
  later = loop->call_later(1h, [] {});
  CHECK(static_cast<bool>(soon));
  later.cancel();
  CHECK(later.cancelled());
}

TEST_CASE("LOOP-015: a loop makes a task of a function and its arguments, pinned to it", "[loop]") {
  const auto loop = new_event_loop();
  const task<int> t = loop->create_task(give, 9);
  CHECK(&t.get_loop() == loop.get());
  CHECK(loop->run_until_complete(t) == 9);
  const task<int> named = loop->create_task({.name = "n"}, give, 10);
  CHECK(named.get_name() == "n");
  CHECK(loop->run_until_complete(named) == 10);
}

TEST_CASE("LOOP-020: run_until_complete that the end of the program left leaves no stop behind", "[loop]") {
  const auto loop = new_event_loop();
  CHECK_THROWS_AS(loop->run_until_complete(interrupt()), keyboard_interrupt);
  bool called = false;
  loop->call_soon([&] {
    loop->call_soon([&] {
      called = true;
      loop->stop();
    });
  });
  loop->run_forever();
  CHECK(called);
}

LOOP_TEST("LOOP-038: create_task on a closed loop does not report the coroutine that it destroys", "[loop]") {
  const report_catcher caught;
  const auto closed = new_event_loop();
  closed->close();
  CHECK_THROWS_AS(closed->create_task(give(1)), loop_closed);
  CHECK_THROWS_AS(ensure_future(give(2), *closed), loop_closed);
  CHECK(caught.reports.empty());
  CHECK(all_tasks(*closed).empty());
  co_return;
}

TEST_CASE("GATHER-002: a gather of futures belongs to their loop while none runs", "[loop][gather]") {
  const auto loop = new_event_loop();
  const loop_set another;
  const auto a = loop->create_future<int>();
  const auto b = loop->create_future<int>();
  auto both = gather(a, b);
  CHECK(&both.get_loop() == loop.get());
  b.set_result(2);
  a.set_result(1);
  CHECK(loop->run_until_complete(both) == std::tuple(1, 2));
  CHECK(both.result() == std::tuple(1, 2));
  CHECK(both.exception() == nullptr);
}

TEST_CASE("GATHER-003: a gather of nothing belongs to the loop set for the thread, and is done", "[loop][gather]") {
  CHECK_THROWS_AS(gather().start(), no_running_loop);
  const loop_set here;
  auto nothing = gather();
  CHECK(&nothing.get_loop() == here.loop.get());
  CHECK(nothing.done());
  CHECK(nothing.result() == std::tuple<>());
}
