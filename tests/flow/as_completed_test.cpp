// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <loop/loop_core.hpp>
#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return value;
}

coro<int> fail_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  throw std::runtime_error("failed");
}

coro<int> await_future(future<int> f) { co_return co_await f; }

}  // namespace

LOOP_TEST("ASC-002: gives the very tasks, done, in the order in which they end", "[flow][as_completed]") {
  std::vector<task<int>> tasks{create_task(after(4, 1)), create_task(after(0, 2)), create_task(after(2, 3))};
  auto ends = as_completed(tasks);
  std::string log;
  while (const auto t = co_await ends.next()) {
    CHECK(t->done());
    log += std::to_string(t->result()) + " ";
    if (t->result() == 2) CHECK(*t == tasks[1]);
  }
  CHECK(log == "2 3 1 ");
}

LOOP_TEST("ASC-001: a failed task is given like the others", "[flow][as_completed]") {
  std::vector<task<int>> tasks{create_task(after(2, 1)), create_task(fail_after(0))};
  auto ends = as_completed(tasks);
  const auto first = co_await ends.next();
  REQUIRE(first.has_value());
  CHECK(in_words(first->exception()) == "error: failed");
  const auto second = co_await ends.next();
  CHECK(second->result() == 1);
}

LOOP_TEST("ASC-003: after the limit each step throws, and the tasks run on", "[flow][as_completed]") {
  const future<int> f;
  std::vector<task<int>> tasks{create_task(after(0, 1)), create_task(await_future(f)), create_task(await_future(f))};
  auto ends = as_completed(tasks, 2ms);
  const auto first = co_await ends.next();
  CHECK(first->result() == 1);
  const std::string second = co_await outcome(ends.next());
  const std::string third = co_await outcome(ends.next());
  CHECK(second == "timeout");
  CHECK(third == "timeout");
  CHECK_FALSE(tasks[1].done());
  f.set_result(1);
  co_await gather(tasks);
}

LOOP_TEST("ASC-004: a limit that is not reached changes nothing", "[flow][as_completed]") {
  std::vector<task<int>> tasks{create_task(after(1, 1)), create_task(after(0, 2))};
  auto ends = as_completed(tasks, 1h);
  int sum = 0;
  while (const auto t = co_await ends.next()) sum += t->result();
  CHECK(sum == 3);
}

TEST_CASE("ASC-004: a limit that is not reached goes with the last task", "[flow][as_completed]") {
  const auto main = []() -> coro<bool> {
    std::vector<task<int>> tasks{create_task(after(1, 1)), create_task(after(0, 2))};
    auto ends = as_completed(tasks, 1h);
    while (co_await ends.next()) {
    }
    co_return get_running_loop().core().timers->next_deadline() == detail::never;
  };
  CHECK(run(main(), one_loop().order(run_order::fork_join)));
}

LOOP_TEST("ASC-005: the iteration may be left and resumed", "[flow][as_completed]") {
  std::vector<task<int>> tasks{create_task(after(0, 1)), create_task(after(1, 2)), create_task(after(2, 3))};
  auto ends = as_completed(tasks);
  const auto first = co_await ends.next();
  CHECK(first->result() == 1);
  co_await settle();
  int sum = 0;
  while (const auto t = co_await ends.next()) sum += t->result();
  CHECK(sum == 5);
}

LOOP_TEST("ASC-007: duplicates count once", "[flow][as_completed]") {
  const task<int> t = create_task(after(0, 1));
  const std::vector<task<int>> tasks{t, t, t};
  auto ends = as_completed(tasks);
  int count = 0;
  while (co_await ends.next()) ++count;
  CHECK(count == 1);
}

LOOP_TEST("ASC-009: coroutines are started at the call", "[flow][as_completed]") {
  std::vector<coro<int>> bodies;
  bodies.push_back(after(1, 1));
  bodies.push_back(after(0, 2));
  auto ends = as_completed(std::move(bodies));
  CHECK(all_tasks().size() == 3);
  std::string log;
  while (const auto t = co_await ends.next()) log += std::to_string(t->result()) + " ";
  CHECK(log == "2 1 ");
}

LOOP_TEST("as_completed: left early, the rest runs on", "[flow][as_completed]") {
  std::vector<task<int>> tasks{create_task(after(0, 1)), create_task(after(3, 2))};
  {
    auto ends = as_completed(tasks);
    static_cast<void>(co_await ends.next());
  }
  const int value = co_await tasks[1];
  CHECK(value == 2);
}

LOOP_TEST("as_completed: of nothing ends at once", "[flow][as_completed]") {
  const std::vector<task<int>> none;
  auto ends = as_completed(none);
  const auto t = co_await ends.next();
  CHECK_FALSE(t.has_value());
}

LOOP_TEST("as_completed: of tasks that are done already", "[flow][as_completed]") {
  std::vector<task<int>> tasks{create_task(after(0, 1)), create_task(after(0, 2))};
  co_await settle(2);
  auto ends = as_completed(tasks);
  std::string log;
  while (const auto t = co_await ends.next()) log += std::to_string(t->result()) + " ";
  CHECK(log == "1 2 ");
}

LOOP_TEST("ASC-006: several steps may be awaited at once", "[flow][as_completed]") {
  std::vector<task<int>> tasks{create_task(after(3, 1)), create_task(after(1, 2)), create_task(after(2, 3))};
  auto ends = as_completed(tasks);
  const auto [a, b, c] = co_await gather(ends.next(), ends.next(), ends.next());
  CHECK(a->result() == 2);
  CHECK(b->result() == 3);
  CHECK(c->result() == 1);
}
