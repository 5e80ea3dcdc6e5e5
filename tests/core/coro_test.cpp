// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> note_run(int& runs) {
  ++runs;
  co_return;
}

coro<int> give(int value) { co_return value; }

coro<any_task> who() { co_return current_task(); }

coro<int> throw_it() {
  throw std::runtime_error("inner");
  co_return 0;
}

coro<int> pass_on() { co_return co_await throw_it(); }

coro<std::unique_ptr<int>> give_owned() { co_return std::make_unique<int>(7); }

coro<int&> give_reference(int& target) { co_return target; }

coro<task<int>> give_task() { co_return create_task(give(5)); }

coro<int> depth_of(int n) {
  if (n == 0) co_return 0;
  co_return 1 + co_await depth_of(n - 1);
}

struct counted {
  explicit counted(int& living) : living_(&living) { ++*living_; }
  counted(counted&& other) noexcept : living_(std::exchange(other.living_, nullptr)) {}
  counted& operator=(counted&&) = delete;
  ~counted() {
    if (living_ != nullptr) --*living_;
  }
  int* living_;
};

coro<> hold(counted) { co_return; }

}  // namespace

LOOP_TEST("RUN-001: calling a coroutine function runs none of its body", "[core][coro]") {
  int runs = 0;
  coro<> body = note_run(runs);
  CHECK(runs == 0);
  co_await settle();
  CHECK(runs == 0);
  co_await body;
  CHECK(runs == 1);
}

LOOP_TEST("RUN-002: an awaited coroutine runs inside the awaiting task", "[core][coro]") {
  const any_task me = current_task();
  const any_task inside = co_await who();
  CHECK(me == inside);
  CHECK(all_tasks().size() == 1);
}

LOOP_TEST("FAULT-08, RUN-003: a coroutine is awaited once; the second await throws", "[core][coro]") {
  int runs = 0;
  coro<> body = note_run(runs);
  co_await body;
  bool refused = false;
  try {
    co_await body;
  } catch (const already_awaited&) {
    refused = true;
  }
  CHECK(refused);
  CHECK(runs == 1);
}

LOOP_TEST("RUN-003: a coroutine that became a task cannot be awaited", "[core][coro]") {
  int runs = 0;
  coro<> body = note_run(runs);
  const task<> t = create_task(std::move(body));
  CHECK_THROWS_AS(create_task(std::move(body)), already_awaited);
  co_await t;
  CHECK(runs == 1);
}

LOOP_TEST("RUN-004: a coroutine that is never awaited is reported with its name", "[core][coro]") {
  report_catcher caught;
  int runs = 0;
  {
    const coro<> forgotten = note_run(runs);
  }
  REQUIRE(caught.reports.size() == 1);
  CHECK(caught.reports.front().message == "coroutine 'note_run' was never awaited");
  CHECK(runs == 0);
  co_return;
}

LOOP_TEST("RUN-004: a coroutine that was closed is not reported", "[core][coro]") {
  report_catcher caught;
  int living = 0;
  coro<> body = hold(counted(living));
  CHECK(living == 1);
  body.close();
  CHECK(living == 0);
  CHECK(caught.reports.empty());
  co_return;
}

LOOP_TEST("RUN-034: a coroutine may return a task that nobody has awaited", "[core][coro]") {
  const task<int> inner = co_await give_task();
  CHECK_FALSE(inner.done());
  const int value = co_await inner;
  CHECK(value == 5);
}

LOOP_TEST("coro: an exception passes through a chain of awaits", "[core][coro]") {
  const std::string how = co_await outcome(pass_on());
  CHECK(how == "error: inner");
}

LOOP_TEST("coro: a move-only result is moved out", "[core][coro]") {
  const std::unique_ptr<int> value = co_await give_owned();
  REQUIRE(value != nullptr);
  CHECK(*value == 7);
}

LOOP_TEST("coro: a result may be a reference", "[core][coro]") {
  int target = 1;
  int& seen = co_await give_reference(target);
  seen = 2;
  CHECK(target == 2);
}

LOOP_TEST("coro: parameters die with the awaited coroutine", "[core][coro]") {
  int living = 0;
  coro<> body = hold(counted(living));
  CHECK(living == 1);
  co_await body;
  CHECK(living == 0);
}

LOOP_TEST("coro: a deep recursion of awaits does not use the stack", "[core][coro]") {
  const int depth = co_await depth_of(100'000);
  CHECK(depth == 100'000);
}

LOOP_TEST("coro: a long loop of awaits does not use the stack", "[core][coro]") {
  long sum = 0;
  for (int i = 0; i < 1'000'000; ++i) sum += co_await give(1);
  CHECK(sum == 1'000'000);
}

LOOP_TEST("coro: tells its name and its text", "[core][coro]") {
  coro<int> body = give(1);
  CHECK(body.name() == "give");
  CHECK(to_string(body).rfind("<coroutine object give at 0x", 0) == 0);
  body.close();
  co_return;
}

TEST_CASE("coro: outside a loop a forgotten one is reported on stderr and nothing runs", "[core][coro]") {
  int runs = 0;
  {
    const coro<> forgotten = note_run(runs);
  }
  CHECK(runs == 0);
}
