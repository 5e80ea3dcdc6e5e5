// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

const context_var<int> level("level", 0);

task_options eagerly() {
  task_options options;
  options.eager_start = true;
  return options;
}

coro<int> give(int value) { co_return value; }

coro<> note(std::string& log, const char* first, const char* second) {
  log += first;
  co_await sleep(0ns);
  log += second;
}

// Restores the default factory, whatever a test does.
class factory_of {
 public:
  explicit factory_of(task_factory f) { get_running_loop().set_task_factory(std::move(f)); }
  factory_of(const factory_of&) = delete;
  factory_of& operator=(const factory_of&) = delete;
  ~factory_of() { get_running_loop().set_task_factory(nullptr); }
};

coro<int> sum(int depth) {
  if (depth == 0) co_return 1;
  const task<int> below = create_task(sum(depth - 1));
  co_return 1 + co_await below;
}

}  // namespace

LOOP_TEST("LOOP-037: a task factory makes the tasks of its loop; an empty one restores the default",
          "[core][factory]") {
  event_loop& loop = get_running_loop();
  CHECK(loop.get_task_factory() == nullptr);
  std::string log;
  loop.set_task_factory([&](event_loop& l, any_coro& body, const task_options& options) {
    log += &l == &loop ? "here " : "elsewhere ";
    log += std::string(body.name()) + " " + std::string(options.name);
    task_options other = options;
    other.name = "renamed";
    return body.create_task(other);
  });
  CHECK(loop.get_task_factory() != nullptr);
  task_options options;
  options.name = "given";
  const task<int> t = create_task(give(3), options);
  CHECK(log == "here give given");
  CHECK(t.get_name() == "renamed");
  loop.set_task_factory(nullptr);
  CHECK(loop.get_task_factory() == nullptr);
  const task<int> plain = create_task(give, 4);
  const int three = co_await t;
  const int four = co_await plain;
  CHECK(three == 3);
  CHECK(four == 4);
  CHECK(log == "here give given");
}

LOOP_TEST("LOOP-037: create_task of a callable, ensure_future and loop.create_task go by the factory",
          "[core][factory]") {
  int made = 0;
  const factory_of counting([&made](event_loop&, any_coro& body, const task_options& options) {
    ++made;
    return body.create_task(options);
  });
  const task<int> a = create_task(give, 1);
  const task<int> b = get_running_loop().create_task(give(2));
  const auto c = ensure_future(give(3));
  CHECK(made == 3);
  co_await gather(a, b, c);
}

LOOP_TEST("LOOP-037: a factory that throws, or gives another task, is an error of create_task", "[core][factory]") {
  const task<int> other = create_task(give(1));
  {
    const factory_of broken(
        [](event_loop&, any_coro&, const task_options&) -> any_task { throw std::runtime_error("no tasks today"); });
    auto body = give(2);
    CHECK_THROWS_WITH(create_task(std::move(body)), "no tasks today");
  }
  {
    const factory_of wrong([&other](event_loop&, any_coro&, const task_options&) -> any_task { return other; });
    CHECK_THROWS_AS(create_task(give(2)), value_error);
  }
  {
    const factory_of empty([](event_loop&, any_coro&, const task_options&) { return any_task(); });
    CHECK_THROWS_AS(create_task(give(2)), value_error);
  }
  co_await other;
}

LOOP_TEST("TASK-047: an eager task runs to its first suspension inside create_task", "[core][eager]") {
  std::string log;
  const task<> t = create_task(note(log, "a", "b"), eagerly());
  CHECK(log == "a");
  CHECK_FALSE(t.done());
  co_await t;
  CHECK(log == "ab");
}

LOOP_TEST("TASK-047: an eager task that never suspends is done at once", "[core][eager]") {
  const task<int> t = create_task(give(7), eagerly());
  REQUIRE(t.done());
  CHECK(t.result() == 7);
  const turn_probe turn;
  const int value = co_await t;
  CHECK(value == 7);
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("TASK-047: an error in the first step is the task's", "[core][eager]") {
  const auto fail = []() -> coro<> {
    throw std::runtime_error("at once");
    co_return;
  };
  const task<> t = create_task(eagerly(), fail);
  REQUIRE(t.done());
  const std::string how = co_await outcome(t);
  CHECK(how == "error: at once");
}

LOOP_TEST("TASK-048: an eager task that suspends goes on as any other", "[core][eager]") {
  std::string log;
  const task<> eager = create_task(note(log, "1", "3"), eagerly());
  const task<> plain = create_task(note(log, "2", "4"));
  log += "-";
  co_await gather(eager, plain);
  CHECK(log == "1-324");
}

LOOP_TEST("TASK-049: cancelling an eager task: nothing when it has finished, as usual when it waits", "[core][eager]") {
  const task<int> finished = create_task(give(1), eagerly());
  CHECK_FALSE(finished.cancel());
  std::string log;
  const task<> waits = create_task(note(log, "a", "b"), eagerly());
  CHECK(waits.cancel());
  const std::string how = co_await outcome(waits);
  CHECK(how == "cancelled");
  CHECK(log == "a");
  CHECK(finished.result() == 1);
}

LOOP_TEST("TASK-050: during the first step current_task() is the new task, afterwards the creator", "[core][eager]") {
  const any_task me = current_task();
  const auto who = [](any_task& out) -> coro<> {
    out = current_task();
    co_await sleep(0ns);
  };
  any_task seen;
  const task<> t = create_task(eagerly(), who, std::ref(seen));
  CHECK(seen == any_task(t));
  CHECK(current_task() == me);
  co_await t;
}

LOOP_TEST("TASK-051: all_tasks() has an eager task during its first step, and after it only if it suspended",
          "[core][eager]") {
  const auto look = [](bool& listed, bool suspend) -> coro<> {
    listed = all_tasks().contains(current_task());
    if (suspend) co_await sleep(0ns);
  };
  bool first = false;
  bool second = false;
  const task<> ended = create_task(eagerly(), look, std::ref(first), false);
  const task<> waits = create_task(eagerly(), look, std::ref(second), true);
  CHECK(first);
  CHECK(second);
  CHECK_FALSE(all_tasks().contains(ended));
  CHECK(all_tasks().contains(waits));
  co_await waits;
}

LOOP_TEST("TASK-052: the first step runs in the task's own copy of the context", "[core][eager]") {
  level.set(1);
  const auto change = [](int& seen) -> coro<> {
    seen = level.get();
    level.set(2);
    co_await sleep(0ns);
    seen += 10 * level.get();
  };
  int seen = 0;
  const task<> t = create_task(eagerly(), change, std::ref(seen));
  CHECK(seen == 1);
  CHECK(level.get() == 1);
  co_await t;
  CHECK(seen == 21);
  CHECK(level.get() == 1);
}

LOOP_TEST("TASK-053: a deep chain of eager tasks that never suspend takes no turn of the loop", "[core][eager]") {
  const factory_of eager(eager_task_factory);
  const turn_probe turn;
  const int depth = co_await sum(100);
  CHECK(depth == 101);
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("TASK-053: a wide gather of eager tasks that never suspend is done at once", "[core][eager]") {
  const factory_of eager(eager_task_factory);
  const turn_probe turn;
  std::vector<task<int>> all;
  for (int i = 0; i < 50; ++i) all.push_back(create_task(give(i)));
  const std::vector<int> values = co_await gather(all);
  CHECK(values.back() == 49);
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("TASK-047: create_eager_task_factory passes tasks through a factory of one's own", "[core][eager]") {
  int made = 0;
  const factory_of eager(create_eager_task_factory([&made](event_loop&, any_coro& body, const task_options& options) {
    if (options.eager_start) ++made;
    return body.create_task(options);
  }));
  const task<int> t = create_task(give(1));
  CHECK(t.done());
  CHECK(made == 1);
  co_return;
}

LOOP_TEST("TASK-047: an eager task of another loop starts there in its turn", "[core][eager]") {
  const auto other = new_event_loop();
  task_options options = eagerly();
  options.loop = other.get();
  bool ran = false;
  const auto body = [](bool& done) -> coro<> {
    done = true;
    co_return;
  };
  const task<> t = create_task(options, body, std::ref(ran));
  CHECK_FALSE(ran);
  CHECK(t.cancel());
  other->close();
  co_return;
}

RUNTIME_TEST("TASK-048: eager tasks that suspend go on anywhere", "[core][eager]") {
  const auto body = [](int n) -> coro<int> {
    co_await sleep(0ns);
    co_return n;
  };
  int total = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<task<int>> all;
    for (int i = 0; i < 20; ++i) all.push_back(create_task(eagerly(), body, i));
    for (const auto& each : all) total += co_await each;
  }
  CHECK(total == 20 * 190);
}
