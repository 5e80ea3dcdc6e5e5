// SPDX-License-Identifier: BSL-1.0
// A cancel on its way through gathers inside each other, as deep as user code makes them.
#include "../loop_test.hpp"

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

run_options one_loop_of_forks() { return run_options().loops(1).order(run_order::fork_join); }

struct end_of_level {
  int depth;
  unsigned requests;
};

// Depth 0 is the innermost. It tells when it begins.
coro<> nest(int depth, future<> begun, std::vector<end_of_level>& ended) {
  try {
    if (depth == 0) {
      begun.set_result();
      co_await future<>();
    } else {
      co_await gather(nest(depth - 1, begun, ended));
    }
  } catch (const cancelled_error&) {
    ended.push_back({depth, current_task().cancelling()});
    throw;
  }
}

void check_each_ended_once(const std::vector<end_of_level>& ended, int depth) {
  REQUIRE(ended.size() == static_cast<std::size_t>(depth) + 1);
  for (int i = 0; i <= depth; ++i) {
    const end_of_level& each = ended[static_cast<std::size_t>(i)];
    if (each.depth != i || each.requests != 1)
      FAIL("level " << each.depth << " got " << each.requests << " after " << i);
  }
}

coro<> cancel_nest(int depth, std::vector<end_of_level>& ended) {
  const future<> begun;
  const auto outermost = create_task(nest(depth, begun, ended));
  co_await begun;
  CHECK(outermost.cancel("all"));
  CHECK(co_await outcome(outermost) == "cancelled: all");
}

coro<> await_it(task<> t) { co_await t; }
coro<> nest_round_it(int depth, future<task<>> outer) {
  if (depth == 0) {
    const task<> t = co_await outer;
    co_await t;
  } else {
    co_await gather(nest_round_it(depth - 1, outer));
  }
}

// The innermost one awaits the task of the outermost, and so does somebody whom the request comes from.
coro<> cancel_round(int depth) {
  const future<task<>> to_inner;
  const auto outermost = create_task(nest_round_it(depth, to_inner));
  to_inner.set_result(outermost);
  const auto waits = create_task(await_it(outermost));
  co_await settle();
  CHECK(waits.cancel());
  CHECK(co_await outcome(waits) == "cancelled");
  CHECK(outermost.cancelled());
  CHECK(outermost.cancelling() == 1);
}

// Each level awaits a task that gathers the next one.
coro<> mixed_nest(int depth, future<> begun, int& ended) {
  try {
    if (depth == 0) {
      begun.set_result();
      co_await future<>();
    } else {
      const auto next = [](int d, future<> f, int& n) -> coro<> { co_await gather(mixed_nest(d, f, n)); };
      co_await create_task(next, depth - 1, begun, std::ref(ended));
    }
  } catch (const cancelled_error&) {
    ++ended;
    throw;
  }
}

coro<> cancel_mixed_nest(int depth, int& ended) {
  const future<> begun;
  const auto outermost = create_task(mixed_nest(depth, begun, std::ref(ended)));
  co_await begun;
  CHECK(outermost.cancel());
  CHECK(co_await outcome(outermost) == "cancelled");
}

coro<> leave_nest(int depth, std::vector<end_of_level>& ended) {
  const future<> begun;
  const auto outermost = create_task(nest(depth, begun, ended));
  co_await begun;
}

coro<> fail() {
  throw std::runtime_error("one child");
  co_return;
}
coro<> leave_orphans(int depth, std::vector<end_of_level>& ended) {
  const future<> begun;
  const std::string end = co_await outcome(gather(nest(depth, begun, ended), fail()));
  CHECK(end == "error: one child");
  co_await begun;
}

coro<> answer_late() { co_await sleep(1h); }

// A circle: gathers inside each other, the innermost of which awaits the outermost task through other tasks.
struct circle {
  explicit circle(int gathers) : levels(static_cast<std::size_t>(gathers) + 1), cancels(levels.size()) {}
  future<task<>> outermost;
  std::vector<any_task> levels;  // 0 is the innermost
  std::vector<int> cancels;      // that each has seen
};

coro<> await_through(int tasks, task<> t) {
  if (tasks == 0) {
    co_await t;
  } else {
    co_await create_task(await_through(tasks - 1, t));
  }
}

coro<> part_of(circle& c, int level, int tasks) {
  const auto i = static_cast<std::size_t>(level);
  c.levels[i] = current_task();
  try {
    if (level == 0) {
      co_await await_through(tasks, co_await c.outermost);
    } else {
      co_await gather(part_of(c, level - 1, tasks), answer_late());
    }
  } catch (const cancelled_error&) {
    ++c.cancels[i];
  }
  try {
    for (int n = 0; n < 3; ++n) co_await sleep(0ns);
  } catch (const cancelled_error&) {
    ++c.cancels[i];
  }
  throw cancelled_error();
}

coro<> cancel_in_circle(int gathers, int tasks, int cancelled) {
  circle c(gathers);
  const task<> outermost = create_task(part_of(c, gathers, tasks));
  c.outermost.set_result(outermost);
  co_await settle();
  CHECK(c.levels[static_cast<std::size_t>(cancelled)].cancel());
  co_await settle();
  for (int i = 0; i <= gathers; ++i) {
    INFO("level " << i);
    const auto at = static_cast<std::size_t>(i);
    CHECK(c.levels[at].done());
    CHECK(c.cancels[at] == 1);
  }
  CHECK(outermost.cancelled());
}

// Ends late after a cancel.
coro<> tidy_up() {
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
  }
  co_await settle();
}

coro<> gather_tidy(any_task& shown, std::string& log) {
  shown = current_task();
  try {
    co_await gather(tidy_up(), tidy_up());
  } catch (const cancelled_error&) {
  }
  log += "gathered, ";
}

coro<> wait_for_sibling(any_task& sibling, std::string& log) {
  try {
    co_await gather(sibling);
  } catch (const cancelled_error&) {
  }
  log += "waited, ";
}

// The innermost gather has a child that gathers itself, and one that waits for that.
coro<> nest_with_siblings(int depth, std::string& log) {
  if (depth == 0) {
    any_task first;
    co_await gather(gather_tidy(first, log), wait_for_sibling(first, log));
  } else {
    co_await gather(nest_with_siblings(depth - 1, log));
  }
}

coro<> cancel_siblings(int depth, std::string& log) {
  const task<> outermost = create_task(nest_with_siblings(depth, log));
  co_await settle();
  CHECK(outermost.cancel());
  static_cast<void>(co_await outcome(outermost));
}

}  // namespace

TEST_CASE("FAULT-10: a cancel of any task in a circle of gathers and awaits ends the circle",
          "[runtime][fork_join][cancel]") {
  for (const int loops : {1, 3}) {
    for (int gathers = 1; gathers <= 4; ++gathers) {
      for (int tasks = 0; tasks <= 2; ++tasks) {
        for (int cancelled = 0; cancelled <= gathers; ++cancelled) {
          INFO(loops << " loops, " << gathers << " gathers, " << tasks << " tasks, level " << cancelled);
          const auto how = gyre::testing::sim_options().loops(loops).order(run_order::fork_join);
          gyre::testing::simulate(1, how, [=] { return cancel_in_circle(gathers, tasks, cancelled); });
        }
      }
    }
  }
}

TEST_CASE("fork-join: a cancel goes through gathers inside each other, however deep", "[runtime][fork_join][cancel]") {
  static constexpr int depth = 200'000;
  std::vector<end_of_level> ended;
  run(cancel_nest(depth, ended), one_loop_of_forks());
  check_each_ended_once(ended, depth);
}

TEST_CASE("fork-join: a cancel that comes round to a nest of gathers from inside ends",
          "[runtime][fork_join][cancel]") {
  for (const int depth : {1, 2, 30, 150, 5'000}) {
    INFO(depth << " gathers");
    run(cancel_round(depth), one_loop_of_forks());
  }
}

TEST_CASE(
    "fork-join: a request that has gone to a child's children is not in a circle when its sibling passes it to it",
    "[runtime][fork_join][cancel]") {
  for (const int depth : {0, 40}) {
    INFO(depth << " gathers around");
    std::string log;
    run(cancel_siblings(depth, log), one_loop_of_forks());
    CHECK(log == "gathered, waited, ");
  }
}

TEST_CASE("fork-join: a cancel goes through tasks and gathers in turns", "[runtime][fork_join][cancel]") {
  static constexpr int depth = 2'000;
  int ended = 0;
  run(cancel_mixed_nest(depth, ended), one_loop_of_forks());
  CHECK(ended == depth + 1);
}

TEST_CASE("fork-join: run() cancels gathers inside each other once each, however deep",
          "[runtime][fork_join][cancel]") {
  static constexpr int depth = 20'000;
  std::vector<end_of_level> ended;
  run(leave_nest(depth, ended), one_loop_of_forks());
  check_each_ended_once(ended, depth);
}

TEST_CASE("fork-join: run() cancels what a failed gather has left once", "[runtime][fork_join][cancel]") {
  static constexpr int depth = 20;
  std::vector<end_of_level> ended;
  run(leave_orphans(depth, ended), one_loop_of_forks());
  check_each_ended_once(ended, depth);
}
