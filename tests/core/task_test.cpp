// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> steps(std::string& log, std::string name, int count) {
  for (int i = 0; i < count; ++i) {
    log += name + std::to_string(i) + " ";
    co_await sleep(0ns);
  }
}

coro<int> give(int value) { co_return value; }

coro<int> fail_with(const char* what) {
  throw std::runtime_error(what);
  co_return 0;
}

coro<> await_future(future<int> f) { static_cast<void>(co_await f); }

coro<> collect(task<int> t, std::string& log, const char* name) {
  const std::string how = co_await outcome(std::move(t));
  log += std::string(name) + "=" + how + " ";
}

coro<> await_itself(std::string& how) {
  any_task me = current_task();
  how = "not refused";
  try {
    task<> same(me.shared("test"));
    co_await same;
  } catch (const error& e) {
    how = e.what();
  }
}

coro<> check_current(any_task& seen, int turns, bool& right) {
  seen = current_task();
  for (int i = 0; i < turns; ++i) {
    co_await sleep(0ns);
    right = right && seen == current_task();
  }
}

coro<std::unique_ptr<int>> give_owned() { co_return std::make_unique<int>(3); }

coro<> interrupt() {
  throw keyboard_interrupt("stop");
  co_return;
}

coro<int> add(int a, std::string text, int& target) {
  target += a;
  co_return static_cast<int>(text.size());
}

}  // namespace

LOOP_TEST("TASK-001: create_task runs nothing; first steps come in the order of creation", "[core][task]") {
  std::string log;
  const task<> a = create_task(steps(log, "a", 2));
  const task<> b = create_task(steps(log, "b", 2));
  CHECK(log.empty());
  co_await a;
  co_await b;
  CHECK(log == "a0 b0 a1 b1 ");
}

TEST_CASE("TASK-002: create_task needs a running loop", "[core][task]") {
  std::string log;
  CHECK_THROWS_AS(create_task(steps(log, "a", 1)), no_running_loop);
  CHECK(log.empty());
}

LOOP_TEST("TASK-003: a task is a future of its value", "[core][task]") {
  const task<int> t = create_task(give(4));
  CHECK_FALSE(t.done());
  bool called = false;
  t.add_done_callback([&called](const task<int>& done) { called = done.result() == 4; });
  const int value = co_await t;
  CHECK(value == 4);
  CHECK(t.done());
  CHECK_FALSE(t.cancelled());
  CHECK(t.exception() == nullptr);
  co_await settle(1);
  CHECK(called);
}

LOOP_TEST("FAULT-08, TASK-003: many tasks await one task", "[core][task]") {
  std::string log;
  const task<int> t = create_task(give(4));
  const task<> a = create_task(collect(t, log, "a"));
  const task<> b = create_task(collect(t, log, "b"));
  co_await a;
  co_await b;
  CHECK(log == "a=4 b=4 ");
}

LOOP_TEST("TASK-003: a named handle may be emptied while it is awaited", "[core][task]") {
  future<std::string> f;
  get_running_loop().call_soon([&f] {
    const future<std::string> kept = std::exchange(f, future<std::string>(nullptr));
    kept.set_result("a value that no handle keeps");
  });
  const std::string value = co_await f;
  CHECK(value == "a value that no handle keeps");
  CHECK_FALSE(f);
}

LOOP_TEST("TASK-005: a task that runs has no result yet", "[core][task]") {
  const task<int> t = create_task(give(4));
  CHECK_THROWS_AS(t.result(), invalid_state_error);
  CHECK_THROWS_AS(t.exception(), invalid_state_error);
  co_await t;
}

LOOP_TEST("TASK-006: an exception is stored in the task", "[core][task]") {
  const task<int> t = create_task(fail_with("stored"));
  co_await settle(2);
  REQUIRE(t.done());
  CHECK_THROWS_WITH(t.result(), "stored");
  CHECK(in_words(t.exception()) == "error: stored");
}

LOOP_TEST("TASK-007: an exception that nobody retrieved is reported when the task goes", "[core][task]") {
  report_catcher caught;
  task<int> t = create_task(fail_with("unseen"), {.name = "lost"});
  co_await settle(2);
  CHECK(caught.reports.empty());
  t = task<int>();
  REQUIRE(caught.reports.size() == 1);
  CHECK(caught.reports.front().message == "Task exception was never retrieved");
  CHECK(in_words(caught.reports.front().exception) == "error: unseen");
  CHECK(caught.reports.front().details.find("name='lost'") != std::string::npos);
}

LOOP_TEST("FAULT-06, TASK-007: a task without a handle is reported as soon as it has failed", "[core][task]") {
  report_catcher caught;
  static_cast<void>(create_task(fail_with("unseen")));
  co_await settle(2);
  CHECK(caught.reports.size() == 1);
}

TEST_CASE("FAULT-07, TASK-008: a pending task that goes with its loop is reported", "[core][task]") {
  const std::shared_ptr<event_loop> loop = new_event_loop();
  const report_catcher caught(*loop);
  const future<int> never = loop->create_future<int>();
  const task<> t = loop->create_task(await_future(never), {.name = "left"});
  loop->call_soon([&loop] { loop->stop(); });
  loop->run_forever();
  loop->close();
  REQUIRE(caught.reports.size() == 1);
  CHECK(caught.reports.front().message == "Task was destroyed but it is pending!");
  CHECK(caught.reports.front().details.find("name='left'") != std::string::npos);
}

LOOP_TEST("TASK-009: tasks are numbered in the order of creation; main is Task-1", "[core][task]") {
  CHECK(current_task().get_name() == "Task-1");
  const task<int> second = create_task(give(1));
  const task<int> third = create_task(give(1));
  CHECK(second.get_name() == "Task-2");
  CHECK(third.get_name() == "Task-3");
  co_await third;
}

LOOP_TEST("TASK-009: a task may be named at its creation and later", "[core][task]") {
  const task_options named{.name = "first"};
  const task<int> t = create_task(give(1), named);
  CHECK(t.get_name() == "first");
  t.set_name("second name");
  CHECK(t.get_name() == "second name");
  co_await t;
  CHECK(t.get_name() == "second name");
}

LOOP_TEST("TASK-011: get_loop() gives the loop of the task", "[core][task]") {
  const task<int> t = create_task(give(1));
  CHECK(&t.get_loop() == &get_running_loop());
  co_await t;
  CHECK(&t.get_loop() == &get_running_loop());
}

LOOP_TEST("FAULT-10, TASK-038: a task that awaits itself gets an error", "[core][task]") {
  std::string how;
  const task_options named{.name = "me"};
  const task<> t = create_task(await_itself(how), named);
  co_await t;
  CHECK(how == "task 'me' cannot await itself");
}

LOOP_TEST("TASK-039: there is no current task in a callback", "[core][task]") {
  bool none = false;
  get_running_loop().call_soon([&none] { none = !current_task(); });
  co_await settle(1);
  CHECK(none);
  CHECK(static_cast<bool>(current_task()));
}

TEST_CASE("TASK-039: current_task needs a running loop", "[core][task]") {
  CHECK_THROWS_AS(current_task(), no_running_loop);
}

LOOP_TEST("TASK-040: current_task is right after every resumption", "[core][task]") {
  any_task first;
  any_task second;
  bool right = true;
  const task<> a = create_task(check_current(first, 5, right));
  const task<> b = create_task(check_current(second, 5, right));
  co_await a;
  co_await b;
  CHECK(right);
  CHECK(first == any_task(a));
  CHECK(second == any_task(b));
}

LOOP_TEST("TASK-041: all_tasks lists what is not done", "[core][task]") {
  const future<int> never;
  const task<> waiting = create_task(await_future(never));
  const task<int> quick = create_task(give(1));
  CHECK(all_tasks().size() == 3);
  co_await quick;
  const task_set left = all_tasks();
  CHECK(left.size() == 2);
  CHECK(left.contains(waiting));
  CHECK(left.contains(current_task()));
  CHECK_FALSE(left.contains(quick));
  waiting.cancel();
}

TEST_CASE("TASK-042: an exception that ends the program is stored and leaves the loop", "[core][task]") {
  const std::shared_ptr<event_loop> loop = new_event_loop();
  const task<> t = loop->create_task(interrupt());
  CHECK_THROWS_AS(loop->run_forever(), keyboard_interrupt);
  CHECK(t.done());
  CHECK(in_words(t.exception()) == "base exception: stop");
  CHECK_FALSE(loop->is_running());
  loop->close();
}

LOOP_TEST("create_task: keeps callable and arguments until the body has ended", "[core][task]") {
  int target = 1;
  const task<int> t = create_task(add, 2, std::string("four"), std::ref(target));
  const int length = co_await t;
  CHECK(length == 4);
  CHECK(target == 3);
}

LOOP_TEST("create_task: takes a lambda without captures and its arguments", "[core][task]") {
  const auto body = [](std::string text) -> coro<std::size_t> {
    co_await sleep(0ns);
    co_return text.size();
  };
  const task_options named{.name = "sized"};
  const task<std::size_t> t = create_task(named, body, std::string(100, 'x'));
  CHECK(t.get_name() == "sized");
  const std::size_t length = co_await t;
  CHECK(length == 100);
}

LOOP_TEST("task: a dropped handle does not end it", "[core][task]") {
  std::string log;
  static_cast<void>(create_task(steps(log, "a", 3)));
  co_await settle();
  CHECK(log == "a0 a1 a2 ");
}

LOOP_TEST("task: a move-only result is taken once", "[core][task]") {
  const task<std::unique_ptr<int>> t = create_task(give_owned());
  const std::unique_ptr<int> value = co_await t;
  REQUIRE(value != nullptr);
  CHECK(*value == 3);
  CHECK_THROWS_AS(t.result(), invalid_state_error);
}

LOOP_TEST("task: sleep(0) gives every ready task one step", "[core][task]") {
  std::string log;
  const task<> a = create_task(steps(log, "a", 3));
  const task<> b = create_task(steps(log, "b", 1));
  const task<> c = create_task(steps(log, "c", 2));
  co_await a;
  CHECK(log == "a0 b0 c0 a1 c1 a2 ");
  CHECK(b.done());
  CHECK(c.done());
}

LOOP_TEST("TASK-037: awaiting a future of another runtime is an error in the task", "[core][task]") {
  const auto other = new_event_loop();
  const auto f = other->create_future<int>();
  const auto waits = [](future<int> foreign) -> coro<int> { co_return co_await foreign; };
  const task<int> t = create_task(task_options{.name = "waits"}, waits, f);
  const std::string how = co_await outcome(t);
  CHECK(how == "error: co_await: the future belongs to a loop of another runtime (in task 'waits')");
}

LOOP_TEST("TASK-046: an error while the first step is scheduled leaves no task behind", "[core][task]") {
  const auto closed = new_event_loop();
  closed->close();
  bool ran = false;
  const auto body = [](bool& done) -> coro<> {
    done = true;
    co_return;
  };
  auto c = body(ran);
  CHECK_THROWS_AS(closed->create_task(std::move(c)), loop_closed);
  CHECK(all_tasks().size() == 1);
  CHECK(all_tasks(*closed).size() == 0);
  co_await settle(2);
  CHECK_FALSE(ran);
}
