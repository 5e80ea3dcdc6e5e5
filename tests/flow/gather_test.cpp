// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return value;
}

coro<int> fail_after(int turns, const char* what) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  throw std::runtime_error(what);
}

coro<> note(std::string& log, const char* name, int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  log += name;
}

coro<int> count_runs(int& runs) {
  ++runs;
  co_return runs;
}

coro<int> await_future(future<int> f) { co_return co_await f; }

coro<std::unique_ptr<int>> owned(int value) {
  co_await sleep(0ns);
  co_return std::make_unique<int>(value);
}

coro<std::string> text(std::string value) { co_return value; }

coro<int> nested(int depth) {
  if (depth == 0) co_return 1;
  const auto [a, b] = co_await gather(nested(depth - 1), nested(depth - 1));
  co_return a + b;
}

coro<> who(any_task& me) {
  me = current_task();
  co_return;
}

}  // namespace

LOOP_TEST("GATHER-001: results come in the order of the arguments", "[flow][gather]") {
  const auto [a, b, c] = co_await gather(after(3, 1), after(0, 2), after(1, 3));
  CHECK(a == 1);
  CHECK(b == 2);
  CHECK(c == 3);
}

LOOP_TEST("GATHER-001: a vector of coroutines gives a vector", "[flow][gather]") {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 10; ++i) bodies.push_back(after(10 - i, i));
  const std::vector<int> results = co_await gather(std::move(bodies));
  REQUIRE(results.size() == 10);
  for (int i = 0; i < 10; ++i) CHECK(results[static_cast<std::size_t>(i)] == i);
}

LOOP_TEST("GATHER-002: coroutines become tasks that start in the order of the arguments", "[flow][gather]") {
  std::string log;
  co_await gather(note(log, "a ", 0), note(log, "b ", 0), note(log, "c ", 0));
  CHECK(log == "a b c ");
}

LOOP_TEST("GATHER-002: each coroutine runs in a task of its own", "[flow][gather]") {
  const any_task me = current_task();
  any_task a;
  any_task b;
  co_await gather(who(a), who(b));
  CHECK_FALSE(a == me);
  CHECK_FALSE(b == me);
  CHECK_FALSE(a == b);
  CHECK(a.done());
}

LOOP_TEST("GATHER-002: tasks, futures and coroutines may be mixed", "[flow][gather]") {
  const future<std::string> f;
  const task<int> t = create_task(after(1, 2));
  get_running_loop().call_soon([f] { f.set_result("three"); });
  const auto [a, b, c] = co_await gather(after(0, 1), t, f);
  CHECK(a == 1);
  CHECK(b == 2);
  CHECK(c == "three");
}

LOOP_TEST("GATHER-003: a gather of nothing is done at once", "[flow][gather]") {
  const turn_probe turn;
  co_await gather();
  co_await gather(return_exceptions);
  CHECK_FALSE(turn.taken());
}

RUNTIME_TEST("GATHER-003: a gather of nothing is done at once, where gathers are fork-joins", "[flow][gather]") {
  co_await gather();
  co_await gather(return_exceptions);
  const std::vector<int> results = co_await gather(std::vector<coro<int>>());
  CHECK(results.empty());
}

LOOP_TEST("GATHER-003: an empty vector gives an empty vector without suspending", "[flow][gather]") {
  const turn_probe turn;
  const std::vector<coro<int>> none;
  std::vector<task<int>> nothing;
  const std::vector<int> results = co_await gather(std::move(nothing));
  CHECK(results.empty());
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("GATHER-004: a repeated argument runs once and stands in each of its places", "[flow][gather]") {
  int runs = 0;
  const task<int> t = create_task(count_runs(runs));
  const auto [a, b] = co_await gather(t, t);
  CHECK(runs == 1);
  CHECK(a == 1);
  CHECK(b == 1);
}

LOOP_TEST("GATHER-007: the first exception comes at once, and the others go on", "[flow][gather]") {
  std::string log;
  const std::string how = co_await outcome(gather(fail_after(1, "first"), note(log, "sibling ", 4)));
  CHECK(how == "error: first");
  CHECK(log.empty());
  co_await settle();
  CHECK(log == "sibling ");
}

LOOP_TEST("GATHER-008: later exceptions of the children are dropped", "[flow][gather]") {
  report_catcher caught;
  const std::string how = co_await outcome(gather(fail_after(1, "first"), fail_after(3, "second")));
  CHECK(how == "error: first");
  co_await settle();
  CHECK(caught.reports.empty());
}

LOOP_TEST("GATHER-009: with return_exceptions errors stand among the results", "[flow][gather]") {
  const auto [a, b] = co_await gather(return_exceptions, after(3, 1), fail_after(1, "kept"));
  REQUIRE(a.has_value());
  CHECK(a.value() == 1);
  CHECK_FALSE(b.has_value());
  CHECK(in_words(b.exception()) == "error: kept");
  CHECK_THROWS_WITH(b.value(), "kept");
}

LOOP_TEST("GATHER-009: return_exceptions over a vector", "[flow][gather]") {
  std::vector<coro<int>> bodies;
  bodies.push_back(after(1, 1));
  bodies.push_back(fail_after(0, "kept"));
  const auto results = co_await gather(return_exceptions, std::move(bodies));
  REQUIRE(results.size() == 2);
  CHECK(results[0].value() == 1);
  CHECK(in_words(results[1].exception()) == "error: kept");
}

LOOP_TEST("GATHER-010: a cancelled child fails the gather, which is not cancelled itself", "[flow][gather]") {
  const future<int> f;
  const task<int> child = create_task(await_future(f));
  auto all = gather(child, after(5, 1));
  const auto running = all.start();
  co_await settle(2);
  child.cancel();
  const std::string how = co_await outcome(running);
  CHECK(how == "cancelled");
  CHECK_FALSE(running.cancelled());
  CHECK(in_words(running.exception()) == "cancelled");
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("GATHER-010: a shield or a gather around a gather with a cancelled child fails likewise", "[flow][gather]") {
  const future<int> f;
  auto inner = gather(f);
  const auto around = shield(inner);
  auto outer = gather(inner.start());
  outer.start();
  f.cancel("gone");
  co_await settle();
  CHECK(in_words(around.exception()) == "cancelled: gone");
  CHECK_FALSE(around.cancelled());
  CHECK(in_words(outer.exception()) == "cancelled: gone");
  CHECK_FALSE(outer.cancelled());
}

LOOP_TEST("GATHER-011: with return_exceptions a cancelled child stands as cancelled_error", "[flow][gather]") {
  const future<int> f;
  f.cancel("gone");
  const auto [a, b] = co_await gather(return_exceptions, f, after(1, 2));
  CHECK(in_words(a.exception()) == "cancelled: gone");
  CHECK(b.value() == 2);
}

LOOP_TEST("GATHER-020: a gather of done children is done at once", "[flow][gather]") {
  const future<int> f;
  f.set_result(1);
  const task<int> t = create_task(after(0, 2));
  co_await t;
  const turn_probe turn;
  const auto [a, b] = co_await gather(f, t);
  CHECK(a == 1);
  CHECK(b == 2);
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("gather: starts at its first use as a future", "[flow][gather]") {
  std::string log;
  auto all = gather(note(log, "a ", 0), note(log, "b ", 0));
  co_await settle(2);
  CHECK(log.empty());
  bool called = false;
  all.add_done_callback([&called](const auto& done) { called = done.done(); });
  co_await settle(4);
  CHECK(log == "a b ");
  CHECK(called);
  co_await all;
}

LOOP_TEST("gather: a void child gives unit", "[flow][gather]") {
  std::string log;
  const std::tuple<unit, int> results = co_await gather(note(log, "x", 0), after(0, 1));
  CHECK(std::get<0>(results) == unit());
  CHECK(std::get<1>(results) == 1);
}

LOOP_TEST("gather: move-only results are moved out", "[flow][gather]") {
  const auto [a, b] = co_await gather(owned(1), owned(2));
  CHECK(*a + *b == 3);
  std::vector<coro<std::unique_ptr<int>>> bodies;
  bodies.push_back(owned(4));
  const std::vector<std::unique_ptr<int>> results = co_await gather(std::move(bodies));
  CHECK(*results.front() == 4);
}

LOOP_TEST("gather: nests", "[flow][gather]") {
  const int leaves = co_await nested(6);
  CHECK(leaves == 64);
}

LOOP_TEST("gather: a thousand children", "[flow][gather]") {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 1000; ++i) bodies.push_back(after(i % 3, i));
  const std::vector<int> results = co_await gather(std::move(bodies));
  long sum = 0;
  for (const int each : results) sum += each;
  CHECK(sum == 499'500);
}

LOOP_TEST("gather: an argument is used up by the gather", "[flow][gather]") {
  coro<std::string> body = text("once");
  const auto [first] = co_await gather(std::move(body));
  CHECK(first == "once");
  CHECK_THROWS_AS(create_task(std::move(body)), already_awaited);
}

LOOP_TEST("GATHER-022: a coroutine that was used already is refused", "[flow][gather]") {
  coro<std::string> body = text("once");
  static_cast<void>(co_await body);
  std::vector<coro<std::string>> bodies;
  bodies.push_back(std::move(body));
  const std::string how = co_await outcome(gather(std::move(bodies)));
  CHECK(how.rfind("error: ", 0) == 0);
}

LOOP_TEST("gather: one that is never used reports like a coroutine never awaited", "[flow][gather]") {
  report_catcher caught;
  {
    const auto all = gather(after(0, 1), after(0, 2));
  }
  CHECK(caught.reports.size() == 2);
  co_return;
}

LOOP_TEST("gather: its text", "[flow][gather]") {
  const future<int> f;
  auto all = gather(f);
  std::string shown;
  all.append_text(shown);
  CHECK(shown == "<_GatheringFuture pending>");
  CHECK(to_string(f) == "<Future pending cb=[gather.<locals>._done_callback()]>");
  f.set_result(5);
  co_await settle(2);
  shown.clear();
  all.append_text(shown);
  CHECK(shown == "<_GatheringFuture finished result=[5]>");
}

TEST_CASE("GATHER-006: a gather of coroutines without a loop is refused", "[flow][gather]") {
  auto all = gather(after(0, 1));
  CHECK_THROWS_AS(all.start(), no_running_loop);
}

TEST_CASE("gather: run_until_complete starts it on the loop set for the thread", "[flow][gather]") {
  const auto loop = new_event_loop();
  set_event_loop(loop);
  const auto [a, b] = loop->run_until_complete(gather(after(2, 1), owned(2)));
  CHECK(a == 1);
  CHECK(*b == 2);

  auto failing = gather(after(1, 1), fail_after(0, "no"));
  CHECK_THROWS_WITH(loop->run_until_complete(failing), "no");
  set_event_loop(nullptr);
  loop->close();
}

LOOP_TEST("XLOOP-016: a future of another runtime is refused", "[flow][gather]") {
  const std::shared_ptr<event_loop> other = new_event_loop();
  const future<int> foreign = other->create_future<int>();
  const std::string how = co_await outcome(gather(foreign, after(0, 1)));
  CHECK(how.starts_with("error: gather: the future belongs to a loop of another runtime (in task 'Task-"));
  co_await settle(2);
}

TEST_CASE("GATHER-023: tasks that a gather made are not reported as destroyed when their loop closes",
          "[flow][gather]") {
  int reports = 0;
  {
    const auto loop = new_event_loop();
    loop->set_exception_handler([&reports](event_loop&, const exception_context&) { ++reports; });
    const auto body = []() -> coro<> { co_await sleep(1h); };
    const auto main = [](auto waits) -> coro<> {
      auto both = gather(waits(), waits());
      both.start();
      co_await sleep(0ns);
    };
    loop->run_until_complete(main(body));
    loop->close();
  }
  CHECK(reports == 0);
}

LOOP_TEST("GATHER-005: a future of another runtime is refused", "[flow][gather]") {
  const std::shared_ptr<event_loop> other = new_event_loop();
  const future<int> foreign = other->create_future<int>();
  const future<int> here;
  CHECK_THROWS_AS(gather(here, foreign).start(), value_error);
  here.set_result(1);
  co_return;
}

LOOP_TEST("gather: of calls of primitives and sleeps", "[flow][gather]") {
  queue<int> q;
  event e;
  const auto both = [](queue<int>& items, event& gate) -> coro<> {
    co_await sleep(1ms);
    items.put_nowait(4);
    gate.set();
  };
  const task<> t = create_task(both, std::ref(q), std::ref(e));
  const auto [item, set, slept, value] = co_await gather(q.get(), e.wait(), sleep(2ms), sleep(1ms, 7));
  CHECK(item == 4);
  CHECK(set);
  CHECK(value == 7);
  const task<int> later = create_task(sleep(1ms, 8));
  const task<> plain = ensure_future(sleep(1ms));
  const int eight = co_await later;
  co_await shield(sleep(1ms));
  co_await plain;
  CHECK(eight == 8);
  co_await t;
}
