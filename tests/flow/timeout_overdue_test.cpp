// SPDX-License-Identifier: BSL-1.0
// Scopes whose deadline has passed when they begin, with blocks that cancel their own task.
#include "loop_test.hpp"

#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> swallow_and_cancel_itself() {
  try {
    co_await sleep(1s);
  } catch (const cancelled_error&) {
  }
  current_task().cancel("mine");
}

coro<> only_cancel_itself() {
  current_task().cancel("mine");
  co_return;
}

// Whether the scope expired, and how the task's next wait ends.
coro<std::string> overdue(coro<> (*body)()) {
  timeout_scope scope(0s);
  std::string seen;
  co_await with(scope, [&](timeout_scope&) -> coro<> { co_await body(); });
  seen += scope.expired() ? "expired, " : "not expired, ";
  seen += co_await outcome(sleep(1s));
  co_return seen;
}

}  // namespace

RUNTIME_TEST("TMO-006: a deadline in the past that ended a wait counts, whatever the block asks for later",
             "[flow][timeout]") {
  CHECK(co_await create_task(overdue(&swallow_and_cancel_itself)) == "expired, cancelled: mine");
  CHECK(co_await create_task(overdue(&only_cancel_itself)) == "not expired, cancelled: mine");
}

LOOP_TEST("TMO-006: a deadline in the past and a block that cancels itself", "[flow][timeout]") {
  CHECK(co_await create_task(overdue(&swallow_and_cancel_itself)) == "expired, cancelled: mine");
  CHECK(co_await create_task(overdue(&only_cancel_itself)) == "not expired, cancelled: mine");
}

namespace {

coro<> do_nothing() { co_return; }

coro<> wait_long() { co_await sleep(1h); }

// The same inside `outer` more scopes, in a task that has swallowed a cancel before.
coro<std::string> overdue_inside(int outer, coro<> (*body)()) {
  std::string seen;
  if (outer == 0) {
    seen = co_await outcome(overdue(body));
  } else {
    co_await with_timeout(1h, [&]() -> coro<> { seen = co_await overdue_inside(outer - 1, body); });
  }
  co_return seen;
}

coro<std::string> swallow_first(int outer, coro<> (*body)()) {
  current_task().cancel();
  static_cast<void>(co_await outcome(sleep(1s)));
  const std::string seen = co_await overdue_inside(outer, body);
  co_return seen + ", " + std::to_string(current_task().cancelling());
}

coro<> check_depths() {
  for (int outer = 0; outer < 7; ++outer) {
    const std::string nothing = co_await create_task(swallow_first(outer, &do_nothing));
    CHECK(nothing == "not expired, done, 1");
    const std::string itself = co_await create_task(swallow_first(outer, &only_cancel_itself));
    CHECK(itself == "not expired, cancelled: mine, 2");
    const std::string waits = co_await create_task(swallow_first(outer, &wait_long));
    CHECK(waits == "timeout, 1");
  }
}

}  // namespace

RUNTIME_TEST("TMO-006: a deadline in the past, inside of any number of scopes", "[flow][timeout]") {
  co_await check_depths();
}

LOOP_TEST("TMO-006: a deadline in the past, inside of any number of scopes, in asyncio's order", "[flow][timeout]") {
  co_await check_depths();
}

namespace {

coro<std::string> timed_wait(timeout_scope& scope, future<int> f) {
  co_return co_await outcome(with(scope, [&](timeout_scope&) -> coro<int> { co_return co_await f; }));
}

}  // namespace

RUNTIME_TEST("TMO-017: another task moves the deadline into the past", "[flow][timeout]") {
  timeout_scope scope(1h);
  const future<int> f;
  const auto waiting = create_task(timed_wait(scope, f));
  while (to_string(f).find("cb=[") == std::string::npos) co_await sleep(1us);
  scope.reschedule(get_running_loop().now() - 1s);
  CHECK(co_await waiting == "timeout");
  CHECK(scope.expired());
}
