// SPDX-License-Identifier: BSL-1.0
// A cancel on its way through gathers inside each other, as deep as user code makes them.
#include "../loop_test.hpp"

#include <functional>
#include <stdexcept>
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

}  // namespace

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
