// SPDX-License-Identifier: BSL-1.0
// gather over a range: each test as tasks in asyncio's order, and as a fork-join on several loops.
#include "loop_test.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

#define BOTH_ORDERS(name, tags, body)          \
  LOOP_TEST(name, tags) { co_await (body)(); } \
  RUNTIME_TEST(name " (fork-join)", tags) { co_await (body)(); }

coro<int> square(int n) {
  for (int i = 0; i < n % 3; ++i) co_await sleep(0ns);
  co_return n* n;
}

coro<int> fail(const char* what) {
  co_await sleep(0ns);
  throw std::runtime_error(what);
}

coro<std::unique_ptr<int>> owned(int value) { co_return std::make_unique<int>(value); }

coro<> nothing(std::atomic<int>& runs) {
  ++runs;
  co_return;
}

struct tally {
  std::atomic<int> started = 0;
  std::atomic<int> cancelled = 0;
};

coro<int> wait_long(tally& seen) {
  ++seen.started;
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    ++seen.cancelled;
    throw;
  }
  co_return 0;
}

auto squares(int n) { return std::views::iota(0, n) | std::views::transform(square); }

coro<> of_a_view() {
  const gathered_values<int> results = co_await gather(squares(10));
  REQUIRE(results.size() == 10);
  for (int i = 0; i < 10; ++i) CHECK(results[static_cast<std::size_t>(i)] == i * i);
}

coro<> of_a_view_without_size() {
  auto odd = std::views::iota(0, 200) | std::views::filter([](int n) { return n % 2 == 1; });
  int sum = 0;
  for (const int each : co_await gather(odd | std::views::transform(square))) sum += each;
  CHECK(sum == 1'333'300);
}

coro<> as_a_vector() {
  const std::vector<int> copied = co_await gather(squares(3));
  CHECK(copied == std::vector<int>{0, 1, 4});
  const auto results = co_await gather(squares(3));
  CHECK(results == copied);
  CHECK_FALSE(results == std::vector<int>{0, 1});
  const std::vector<int> again = results;
  CHECK(again == copied);
}

coro<> of_nothing() {
  const auto results = co_await gather(squares(0));
  CHECK(results.empty());
  const auto outcomes = co_await gather(return_exceptions, squares(0));
  CHECK(outcomes.empty());
}

coro<> of_move_only_results() {
  const auto results = co_await gather(std::views::iota(1, 4) | std::views::transform(owned));
  REQUIRE(results.size() == 3);
  CHECK(*results[0] + *results[1] * 10 + *results[2] * 100 == 321);
  std::vector<std::unique_ptr<int>> kept = co_await gather(std::views::iota(1, 3) | std::views::transform(owned));
  CHECK(*kept[1] == 2);
}

coro<> of_void() {
  std::atomic<int> runs = 0;
  const auto results =
      co_await gather(std::views::iota(0, 5) | std::views::transform([&runs](int) { return nothing(runs); }));
  CHECK(runs == 5);
  CHECK(results.size() == 5);
}

coro<> out_of_containers() {
  std::array<coro<int>, 2> in_array{square(1), square(2)};
  const std::vector<int> first = co_await gather(in_array);
  CHECK(first == std::vector<int>{1, 4});
  std::deque<coro<int>> in_deque;
  in_deque.push_back(square(3));
  const std::vector<int> second = co_await gather(std::move(in_deque));
  CHECK(second == std::vector<int>{9});
  coro<int> here[] = {square(4), square(5)};
  const std::vector<int> third = co_await gather(std::span<coro<int>>(here));
  CHECK(third == std::vector<int>{16, 25});
  CHECK_THROWS_AS(here[0].check_fresh("the test"), already_awaited);
}

coro<> of_tasks() {
  std::list<task<int>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(create_task(square(i)));
  const std::vector<int> results = co_await gather(tasks);
  CHECK(results == std::vector<int>{0, 1, 4});
  CHECK(tasks.front().done());
  const std::vector<int> again = co_await gather(tasks | std::views::reverse);
  CHECK(again == std::vector<int>{4, 1, 0});
}

coro<> of_gathers() {
  const auto rows =
      co_await gather(std::views::iota(1, 3) | std::views::transform([](int n) { return gather(squares(n)); }));
  REQUIRE(rows.size() == 2);
  CHECK(rows[1] == std::vector<int>{0, 1});
}

coro<> with_errors() {
  auto some = std::views::iota(0, 4) | std::views::transform([](int n) { return n == 2 ? fail("two") : square(n); });
  const auto outcomes = co_await gather(return_exceptions, some);
  REQUIRE(outcomes.size() == 4);
  CHECK(outcomes[3].value() == 9);
  CHECK(in_words(outcomes[2].exception()) == "error: two");
  const std::string how = co_await outcome(gather(some));
  CHECK(how == "error: two");
}

coro<> cancelled() {
  tally seen;
  auto waits = std::views::iota(0, 3) | std::views::transform([&seen](int) { return wait_long(seen); });
  auto all = gather(waits);
  CHECK_FALSE(all.done());
  while (seen.started < 3) co_await sleep(0ns);
  CHECK(all.cancel());
  const std::string how = co_await outcome(ensure_future(all));
  CHECK(how == "cancelled");
  while (seen.cancelled < 3) co_await sleep(0ns);  // the first one ends the gather
  const std::string late = co_await outcome(wait_for(gather(waits), 1ms));
  CHECK(late == "timeout");
  while (seen.cancelled < seen.started) co_await sleep(0ns);
}

}  // namespace

BOTH_ORDERS("GATHER-001: a view gives its results in its order", "[flow][gather]", of_a_view)
BOTH_ORDERS("GATHER-001: a view that does not know its size", "[flow][gather]", of_a_view_without_size)
BOTH_ORDERS("gather over a range: the results become a std::vector", "[flow][gather]", as_a_vector)
BOTH_ORDERS("GATHER-003: an empty range gives nothing", "[flow][gather]", of_nothing)
BOTH_ORDERS("gather over a range: move-only results", "[flow][gather]", of_move_only_results)
BOTH_ORDERS("gather over a range: of nothing but ends", "[flow][gather]", of_void)
BOTH_ORDERS("gather over a range: coroutines are moved out of a container", "[flow][gather]", out_of_containers)
BOTH_ORDERS("gather over a range: tasks stay where they are", "[flow][gather]", of_tasks)
BOTH_ORDERS("gather over a range: gathers", "[flow][gather]", of_gathers)
BOTH_ORDERS("GATHER-009: errors among the results of a range", "[flow][gather]", with_errors)
BOTH_ORDERS("gather over a range: a cancel reaches all", "[flow][gather]", cancelled)

LOOP_TEST("GATHER-003: an empty range does not suspend", "[flow][gather]") {
  const turn_probe turn;
  const auto results = co_await gather(squares(0));
  CHECK(results.empty());
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("gather over a range: it is walked once, in the call", "[flow][gather]") {
  int made = 0;
  const auto body = [&made](int n) {
    ++made;
    return square(n);
  };
  auto all = gather(std::views::iota(0, 4) | std::views::transform(body));
  CHECK(made == 4);
  const auto results = co_await std::move(all);
  CHECK(results.size() == 4);
  CHECK(made == 4);
}

LOOP_TEST("gather over a range: one that is never used reports each coroutine", "[flow][gather]") {
  report_catcher caught;
  {
    const auto all = gather(squares(3));
  }
  REQUIRE(caught.reports.size() == 3);
  CHECK(caught.reports[0].message == "coroutine 'square' was never awaited");
  co_return;
}

LOOP_TEST("gather over a range: one that throws in the middle leaves nothing behind", "[flow][gather]") {
  report_catcher caught;
  const auto body = [](int n) {
    if (n == 2) throw std::runtime_error("no body");
    return square(n);
  };
  CHECK_THROWS_AS(gather(std::views::iota(0, 4) | std::views::transform(body)), std::runtime_error);
  CHECK(caught.reports.size() == 2);
  co_return;
}

LOOP_TEST("GATHER-022: a range with a coroutine that was used already is refused, and nothing is taken",
          "[flow][gather]") {
  report_catcher caught;
  std::array<coro<int>, 3> bodies{square(0), square(1), square(2)};
  static_cast<void>(co_await bodies[1]);
  CHECK_THROWS_AS(gather(bodies), already_awaited);
  CHECK(caught.reports.empty());
  bodies[0].check_fresh("the test");
  bodies[2].check_fresh("the test");
  bodies[0].close();
  bodies[2].close();
}

TEST_CASE("gather over a range: fork-joins of all sizes, again and again", "[flow][gather]") {
  const auto body = []() -> coro<> {
    for (int round = 0; round < 3; ++round) {
      for (int n = 0; n < 70; ++n) {
        const auto results = co_await gather(squares(n));
        REQUIRE(results.size() == static_cast<std::size_t>(n));
        for (int i = 0; i < n; ++i) REQUIRE(results[static_cast<std::size_t>(i)] == i * i);
      }
    }
  };
  run(body(), run_options().loops(2).order(run_order::fork_join));
}
