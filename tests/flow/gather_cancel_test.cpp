// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> await_future(future<int> f) { co_return co_await f; }

coro<int> swallow(future<int> f) {
  try {
    co_return co_await f;
  } catch (const cancelled_error&) {
  }
  co_return 7;
}

coro<int> slow_to_end(future<int> f, int turns, std::string& log) {
  std::exception_ptr error;
  try {
    static_cast<void>(co_await f);
  } catch (const cancelled_error&) {
    error = std::current_exception();
  }
  co_await settle(turns);
  log += "ended ";
  if (error != nullptr) std::rethrow_exception(error);
  co_return 0;
}

coro<int> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return value;
}

coro<int> fail_after(int turns, const char* what) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  throw std::runtime_error(what);
}

coro<> gather_two(future<int> a, future<int> b) { co_await gather(await_future(a), await_future(b)); }

coro<> gather_swallowing(future<int> a, future<int> b, std::string& log) {
  const std::string how = co_await outcome(gather(swallow(a), swallow(b)));
  log += how;
}

coro<> gather_collecting(future<int> a, std::string& log) {
  const std::string how = co_await outcome(gather(return_exceptions, await_future(a), swallow(a)));
  log += how;
}

}  // namespace

LOOP_TEST("GATHER-012: cancel() on the gather cancels every child that is not done", "[flow][gather][cancel]") {
  const future<int> f;
  const future<int> g;
  const task<int> a = create_task(await_future(f));
  const task<int> b = create_task(await_future(g));
  const task<int> quick = create_task(after(0, 1));
  auto all = gather(a, b, quick);
  all.start();
  co_await settle(2);
  CHECK(all.cancel());
  const std::string how = co_await outcome(all.start());
  CHECK(how == "cancelled");
  CHECK(a.cancelled());
  CHECK(b.cancelled());
  CHECK_FALSE(quick.cancelled());
}

LOOP_TEST("GATHER-013: a cancelled gather ends when its children have ended", "[flow][gather][cancel]") {
  const future<int> f;
  std::string log;
  const task<int> slow = create_task(slow_to_end(f, 4, log));
  auto all = gather(slow);
  all.start();
  co_await settle(2);
  all.cancel();
  co_await settle(2);
  CHECK_FALSE(all.done());
  const std::string how = co_await outcome(all.start());
  CHECK(how == "cancelled");
  CHECK(log == "ended ");
}

LOOP_TEST("GATHER-014: with return_exceptions a cancelled gather still throws", "[flow][gather][cancel]") {
  const future<int> f;
  std::string log;
  const task<> t = create_task(gather_collecting(f, log));
  co_await settle(3);
  t.cancel();
  co_await t;
  CHECK(log == "cancelled");
}

LOOP_TEST("GATHER-015: children that swallow the cancel leave the gather cancelled", "[flow][gather][cancel]") {
  const future<int> f;
  const future<int> g;
  std::string log;
  const task<> t = create_task(gather_swallowing(f, g, log));
  co_await settle(3);
  t.cancel();
  co_await t;
  CHECK(log == "cancelled");
}

LOOP_TEST("GATHER-016: cancel() after all children are done is refused", "[flow][gather][cancel]") {
  const task<int> a = create_task(after(0, 1));
  const task<int> b = create_task(after(0, 2));
  auto all = gather(a, b);
  all.start();
  co_await settle(1);
  REQUIRE(a.done());
  REQUIRE(b.done());
  CHECK_FALSE(all.cancel());
  const auto [x, y] = co_await all;
  CHECK(x + y == 3);
}

LOOP_TEST("GATHER-017: cancel() after the gather failed is refused and cancels no child", "[flow][gather][cancel]") {
  const future<int> f;
  const task<int> waiting = create_task(await_future(f));
  auto all = gather(fail_after(0, "x"), waiting);
  const std::string how = co_await outcome(all.start());
  CHECK(how == "error: x");
  CHECK_FALSE(all.cancel());
  co_await settle(2);
  CHECK_FALSE(waiting.done());
  f.set_result(1);
  co_await waiting;
}

LOOP_TEST("GATHER-018: cancelling the awaiting task cancels the children", "[flow][gather][cancel]") {
  const future<int> f;
  const future<int> g;
  const task<> t = create_task(gather_two(f, g));
  co_await settle(3);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(f.cancelled());
  CHECK(g.cancelled());
  CHECK(all_tasks().size() == 1);
}

LOOP_TEST("GATHER-019: the message goes to the children and comes back", "[flow][gather][cancel]") {
  const future<int> f;
  const task<int> child = create_task(await_future(f));
  auto all = gather(child);
  all.start();
  co_await settle(2);
  all.cancel("because");
  const std::string how = co_await outcome(all.start());
  CHECK(how == "cancelled: because");
  CHECK_THROWS_AS(child.result(), cancelled_error);
  const std::string child_how = co_await outcome(child);
  CHECK(child_how == "cancelled: because");
}

LOOP_TEST("GATHER-021: cancelling a shield leaves the gather and its children alone", "[flow][gather][cancel]") {
  const future<int> f;
  const task<int> child = create_task(await_future(f));
  auto all = gather(child);
  const auto running = all.start();
  const auto outer = shield(running);
  co_await settle(2);
  outer.cancel();
  co_await settle(2);
  CHECK(outer.cancelled());
  CHECK_FALSE(running.done());
  f.set_result(3);
  const auto [value] = co_await running;
  CHECK(value == 3);
}

LOOP_TEST("GATHER-021: cancelling a gather of shields leaves what they shield alone", "[flow][gather][cancel]") {
  const future<int> f;
  const task<int> child = create_task(await_future(f));
  auto all = gather(shield(child));
  all.start();
  co_await settle(2);
  CHECK(all.cancel());
  const std::string how = co_await outcome(all.start());
  CHECK(how == "cancelled");
  CHECK_FALSE(child.done());
  f.set_result(1);
  co_await child;
}

LOOP_TEST("gather: a task cancelled before it awaits its gather cancels the children", "[flow][gather][cancel]") {
  const future<int> f;
  const auto body = [](future<int> awaited, std::string& out) -> coro<> {
    current_task().cancel();
    const std::string how = co_await outcome(gather(await_future(awaited)));
    out = how;
  };
  std::string log;
  const task<> t = create_task(body, f, std::ref(log));
  co_await t;
  CHECK(log == "cancelled");
  CHECK_FALSE(f.done());
}

LOOP_TEST("gather: an error of a child that was cancelled with the gather wins", "[flow][gather][cancel]") {
  const auto body = [](future<int> f) -> coro<int> {
    try {
      co_return co_await f;
    } catch (const cancelled_error&) {
      throw std::runtime_error("clean-up failed");
    }
  };
  const future<int> f;
  const task<int> child = create_task(body, f);
  auto all = gather(child);
  all.start();
  co_await settle(2);
  all.cancel();
  const std::string how = co_await outcome(all.start());
  CHECK(how == "error: clean-up failed");
}

LOOP_TEST("gather: a cancel that comes too late does not take back the one before", "[flow][gather][cancel]") {
  static constexpr auto swallows = []() -> coro<int> {
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
    }
    co_return 1;
  };
  const task<int> child = create_task(swallows());
  auto both = gather(child);
  co_await settle();
  CHECK(both.cancel());
  for (int turns = 0; !child.done(); ++turns) {
    REQUIRE(turns < 100);
    co_await sleep(0ns);
  }
  CHECK_FALSE(both.done());  // it hears of its child's end a turn later
  CHECK_FALSE(both.cancel());
  bool cancelled = false;
  try {
    static_cast<void>(co_await both);
  } catch (const cancelled_error&) {
    cancelled = true;
  }
  CHECK(cancelled);
}
