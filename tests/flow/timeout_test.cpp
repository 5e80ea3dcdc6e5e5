// SPDX-License-Identifier: BSL-1.0
#include "flow/group_test.hpp"
#include "flow/without_task.hpp"
#include "loop_test.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) {
  co_await sleep(0ns);
  co_return value;
}

/// Waits for ever and notes how that ended.
coro<> note_end(std::string& log) {
  const std::string how = co_await outcome(forever());
  log += how + " ";
  if (how == "cancelled") throw cancelled_error();
}

coro<> fail_after_cancel() {
  const std::string how = co_await outcome(forever());
  throw std::runtime_error("after " + how);
}

coro<int> swallow() {
  static_cast<void>(co_await outcome(forever()));
  co_return 7;
}

event_loop::time_point now() { return get_running_loop().now(); }

std::string message_of(timeout_scope& scope, std::optional<event_loop::time_point> when) {
  try {
    scope.reschedule(when);
    return "none";
  } catch (const error& e) {
    return e.what();
  }
}

}  // namespace

LOOP_TEST("TMO-001: the block is cancelled at the deadline and leaves with timeout_error", "[flow][timeout]") {
  timeout_scope scope(2ms);
  const auto start = now();
  const std::string how = co_await outcome(with(scope, forever));
  CHECK(how == "timeout");
  CHECK(scope.expired());
  CHECK(now() >= start + 2ms);
  const std::string again = co_await outcome(with_timeout(1ms, forever));
  CHECK(again == "timeout");
}

LOOP_TEST("TMO-001: the same at a point in time", "[flow][timeout]") {
  const auto deadline = now() + 2ms;
  const std::string how = co_await outcome(with_timeout_at(deadline, forever));
  CHECK(how == "timeout");
  CHECK(now() >= deadline);
}

LOOP_TEST("TMO-002: inside, the block sees cancelled_error", "[flow][timeout]") {
  std::string log;
  const auto body = [&log]() -> coro<> { co_await note_end(log); };
  const std::string how = co_await outcome(with_timeout(1ms, body));
  CHECK(how == "timeout");
  CHECK(log == "cancelled ");
}

LOOP_TEST("TMO-003: a block that ends in time leaves no timer", "[flow][timeout]") {
  const auto start = now();
  timeout_scope scope(1h);
  const auto body = [&]() -> coro<int> {
    CHECK(scope.when() >= start + 1h);
    co_return co_await give(3);
  };
  const int value = co_await with(scope, body);
  CHECK(value == 3);
  CHECK_FALSE(scope.expired());
  CHECK(scope.when() >= start + 1h);
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TMO-003: the body may take the scope and arguments", "[flow][timeout]") {
  const auto body = [](timeout_scope& scope, int a, std::string b) -> coro<std::string> {
    co_await sleep(0ns);
    co_return (scope.when() ? "limited " : "unlimited ") + b + std::to_string(a);
  };
  const std::string text = co_await with_timeout(1h, body, 4, std::string("x"));
  CHECK(text == "limited x4");
  const int plain = co_await with_timeout(1h, give, 5);
  CHECK(plain == 5);
}

LOOP_TEST("TMO-004: without a deadline it never expires", "[flow][timeout]") {
  const auto body = [](timeout_scope& scope) -> coro<bool> {
    co_await sleep(1ms);
    co_return scope.when().has_value() || scope.expired();
  };
  const bool limited = co_await with_timeout(std::nullopt, body);
  CHECK_FALSE(limited);
  const std::optional<std::chrono::milliseconds> none;
  const bool again = co_await with_timeout(none, body);
  CHECK_FALSE(again);
  const bool at = co_await with_timeout_at(std::nullopt, body);
  CHECK_FALSE(at);
}

LOOP_TEST("TMO-005: a deadline now or in the past cancels at the first suspension", "[flow][timeout]") {
  const auto yield = []() -> coro<> { co_await sleep(0ns); };
  const std::string zero = co_await outcome(with_timeout(0ms, yield));
  CHECK(zero == "timeout");
  const std::string negative = co_await outcome(with_timeout(-1s, yield));
  CHECK(negative == "timeout");
  const std::string past = co_await outcome(with_timeout_at(now() - 1s, forever));
  CHECK(past == "timeout");
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TMO-006: a block that never suspends is not cancelled by a deadline in the past", "[flow][timeout]") {
  timeout_scope scope(now() - 1s);
  const auto body = []() -> coro<int> { co_return 4; };
  const int value = co_await with(scope, body);
  CHECK(value == 4);
  CHECK_FALSE(scope.expired());
  co_await sleep(0ns);
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TMO-007: another error passes through", "[flow][timeout]") {
  timeout_scope early(1h);
  const auto fail = []() -> coro<> {
    co_await sleep(0ns);
    throw std::runtime_error("early");
  };
  const std::string how = co_await outcome(with(early, fail));
  CHECK(how == "error: early");
  CHECK_FALSE(early.expired());
  timeout_scope late(1ms);
  const std::string after = co_await outcome(with(late, fail_after_cancel));
  CHECK(after == "error: after cancelled");
  CHECK(late.expired());
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TMO-008: a block that swallows its own expiry ends normally", "[flow][timeout]") {
  timeout_scope scope(1ms);
  const int value = co_await with(scope, swallow);
  CHECK(value == 7);
  CHECK(scope.expired());
  CHECK(current_task().cancelling() == 0);
  co_await sleep(0ns);
}

LOOP_TEST("TMO-009: a cancel from outside passes unconverted", "[flow][timeout]") {
  const task<> t = create_task(with_timeout(1h, forever));
  co_await settle(2);
  t.cancel("why");
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: why");
  CHECK(t.cancelling() == 1);
}

LOOP_TEST("TMO-010: expired and cancelled from outside: the cancel wins and stays counted", "[flow][timeout]") {
  const auto both = []() -> coro<> {
    std::exception_ptr error;
    try {
      co_await forever();
    } catch (...) {
      error = std::current_exception();
      current_task().cancel();
    }
    std::rethrow_exception(error);
  };
  const auto outer = [](decltype(both) body) -> coro<unsigned> {
    timeout_scope scope(1ms);
    try {
      co_await with(scope, body);
    } catch (const cancelled_error&) {
      if (scope.expired()) co_return current_task().cancelling();
    }
    co_return 99U;
  };
  const task<unsigned> t = create_task(outer(both));
  static_cast<void>(co_await outcome(t));
  CHECK(t.cancelling() == 1);
}

LOOP_TEST("TMO-010: cancelled by a callback of the deadline's own instant", "[flow][timeout]") {
  const auto deadline = now() + 2ms;
  task<> t;
  get_running_loop().call_at(deadline, [&t] { t.cancel(); });
  t = create_task(with_timeout_at(deadline, forever));
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(t.cancelling() == 1);
}

LOOP_TEST("TMO-011: a cancel that was caught before does not disturb the scope", "[flow][timeout]") {
  const auto body = []() -> coro<std::string> {
    static_cast<void>(co_await outcome(forever()));
    const unsigned before = current_task().cancelling();
    const std::string how = co_await outcome(with_timeout(1ms, forever));
    co_return how + " " + std::to_string(before) + std::to_string(current_task().cancelling());
  };
  const task<std::string> t = create_task(body());
  co_await settle(2);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "timeout 11");
}

LOOP_TEST("TMO-012: the task itself is not cancelled by an expiry", "[flow][timeout]") {
  const std::string how = co_await outcome(with_timeout(1ms, forever));
  CHECK(how == "timeout");
  CHECK(current_task().cancelling() == 0);
  co_await sleep(1ms);
  const int value = co_await give(1);
  CHECK(value == 1);
}

LOOP_TEST("TMO-013: nested with one deadline, only the outer raises", "[flow][timeout]") {
  const auto deadline = now() + 2ms;
  timeout_scope outer(deadline);
  timeout_scope inner(deadline);
  std::string log;
  const auto body = [&]() -> coro<> {
    log = co_await outcome(with(inner, forever));
    if (log == "cancelled") throw cancelled_error();
  };
  const std::string how = co_await outcome(with(outer, body));
  CHECK(how == "timeout");
  CHECK(log == "cancelled");
  CHECK(outer.expired());
  CHECK(inner.expired());
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TMO-014: nested with a later one inside, the outer's passes it as a cancel", "[flow][timeout]") {
  timeout_scope inner(1h);
  std::string log;
  const auto in_inner = [&]() -> coro<> { co_await note_end(log); };
  const auto body = [&]() -> coro<> { co_await with(inner, in_inner); };
  const std::string how = co_await outcome(with_timeout(1ms, body));
  CHECK(how == "timeout");
  CHECK(log == "cancelled ");
  CHECK_FALSE(inner.expired());
}

LOOP_TEST("TMO-015: nested and overdue in one iteration, only the outer raises", "[flow][timeout]") {
  timeout_scope outer(now() - 2ms);
  timeout_scope inner(now() - 1ms);
  const auto body = [&]() -> coro<> { co_await with(inner, forever); };
  const std::string how = co_await outcome(with(outer, body));
  CHECK(how == "timeout");
  CHECK(inner.expired());
  CHECK(outer.expired());
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TMO-015: overdue in different iterations, the inner converts first", "[flow][timeout]") {
  std::string log;
  const auto body = [&](timeout_scope& outer) -> coro<> {
    log += co_await outcome(with_timeout_at(now() - 1ms, forever));
    log += ' ';
    outer.reschedule(now() - 1ms);
    co_await note_end(log);
  };
  const std::string how = co_await outcome(with_timeout(1h, body));
  CHECK(how == "timeout");
  CHECK(log == "timeout cancelled ");
}

LOOP_TEST("TMO-016: a scope in the clean-up of another works on its own", "[flow][timeout]") {
  std::string log;
  const auto body = [&]() -> coro<> {
    log += co_await outcome(forever());
    log += ' ';
    log += co_await outcome(with_timeout(1ms, forever));
    throw cancelled_error();
  };
  const std::string how = co_await outcome(with_timeout(1ms, body));
  CHECK(how == "timeout");
  CHECK(log == "cancelled timeout");
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TMO-017: reschedule moves the deadline or takes it away", "[flow][timeout]") {
  const auto later = [](timeout_scope& scope) -> coro<int> {
    const auto when = now() + 1h;
    scope.reschedule(when);
    co_await sleep(2ms);
    co_return scope.when() == when ? 1 : 0;
  };
  const int moved = co_await with_timeout(1ms, later);
  CHECK(moved == 1);
  const auto never = [](timeout_scope& scope) -> coro<int> {
    scope.reschedule(std::nullopt);
    co_await sleep(2ms);
    co_return scope.when() ? 0 : 1;
  };
  const int disabled = co_await with_timeout(1ms, never);
  CHECK(disabled == 1);
  const auto sooner = [](timeout_scope& scope) -> coro<> {
    scope.reschedule(now() + 1ms);
    co_await forever();
  };
  const std::string how = co_await outcome(with_timeout(std::nullopt, sooner));
  CHECK(how == "timeout");
}

LOOP_TEST("TMO-017: reschedule into the past expires in the next iteration", "[flow][timeout]") {
  bool at_once = true;
  const auto body = [&](timeout_scope& scope) -> coro<> {
    scope.reschedule(now() - 1ms);
    at_once = scope.expired();
    co_await sleep(0ns);
  };
  const std::string how = co_await outcome(with_timeout(1h, body));
  CHECK(how == "timeout");
  CHECK_FALSE(at_once);
}

LOOP_TEST("TMO-017: another task may reschedule", "[flow][timeout]") {
  timeout_scope scope(1h);
  const task<> t = create_task(with(scope, forever));
  co_await settle(2);
  scope.reschedule(now() + 1ms);
  const std::string how = co_await outcome(t);
  CHECK(how == "timeout");
}

LOOP_TEST("TMO-018: reschedule out of its time names the state", "[flow][timeout]") {
  timeout_scope scope(1ms);
  CHECK(message_of(scope, now()) == "Timeout has not been entered");
  std::string expiring;
  const auto body = [&]() -> coro<> {
    static_cast<void>(co_await outcome(forever()));
    expiring = message_of(scope, std::nullopt);
  };
  co_await with(scope, body);
  CHECK(expiring == "Cannot change state of expiring Timeout");
  CHECK(message_of(scope, now()) == "Cannot change state of expired Timeout");
  timeout_scope in_time(1h);
  static_cast<void>(co_await with(in_time, []() -> coro<int> { co_return 1; }));
  CHECK(message_of(in_time, now()) == "Cannot change state of finished Timeout");
}

LOOP_TEST("TMO-019: a scope is entered once", "[flow][timeout]") {
  timeout_scope scope(1h);
  std::string inside;
  const auto nothing = []() -> coro<> { co_return; };
  const auto body = [&]() -> coro<> { inside = co_await outcome(with(scope, nothing)); };
  co_await with(scope, body);
  CHECK(inside == "error: Timeout has already been entered");
  const std::string after = co_await outcome(with(scope, nothing));
  CHECK(after == "error: Timeout has already been entered");
}

LOOP_TEST("TMO-020: entering outside a task is refused", "[flow][timeout]") {
  timeout_scope scope(1h);
  std::string how;
  get_running_loop().call_soon([&] { how = in_words(error_without_task(scope.aenter())); });
  co_await settle(2);
  CHECK(how.substr(0, 7) == "error: ");
}

TEST_CASE("TMO-020: a delay needs a running loop", "[flow][timeout]") {
  CHECK_THROWS_AS(timeout_scope(1s), no_running_loop);
  timeout_scope scope(std::nullopt);
  CHECK(in_words(error_without_task(scope.aenter())).substr(0, 7) == "error: ");
}

LOOP_TEST("TMO-021: the timeout_error has the cancelled_error as its cause", "[flow][timeout]") {
  std::string cause;
  try {
    co_await with_timeout(1ms, forever);
  } catch (const timeout_error& e) {
    try {
      std::rethrow_if_nested(e);
    } catch (...) {
      cause = in_words(std::current_exception());
    }
  }
  CHECK(cause == "cancelled");
}

LOOP_TEST("TMO-021: an error of its own needs no cause", "[flow][timeout]") {
  CHECK_NOTHROW(std::rethrow_if_nested(timeout_error("mine")));
  std::string text;
  const task<> t = create_task(with_timeout(1ms, forever));
  static_cast<void>(co_await outcome(t));
  CHECK(to_string(t).find("exception=TimeoutError('timed out')") != std::string::npos);
}

LOOP_TEST("TMO-022: around a task group that fails while being cancelled, the group's errors leave",
          "[flow][timeout]") {
  const auto body = [](task_group& group) -> coro<> {
    group.create_task(fail_after_cancel);
    co_await forever();
  };
  const auto limited = [&]() -> coro<> { co_await with_task_group(body); };
  const std::string how = co_await outcome(with_timeout(1ms, limited));
  CHECK(how == "error: unhandled errors in a TaskGroup (1 sub-exception)");
  CHECK(current_task().cancelling() == 0);
  co_await sleep(0ns);
}

LOOP_TEST("TMO-023: the text names the state", "[flow][timeout]") {
  const event_loop::time_point when(std::chrono::hours(1'000'000) + 1500ms + 400us);
  timeout_scope scope(when);
  CHECK(to_string(scope) == "<Timeout [created]>");
  std::string active;
  const auto body = [&]() -> coro<> {
    active = to_string(scope);
    scope.reschedule(std::nullopt);
    active += to_string(scope);
    co_return;
  };
  co_await with(scope, body);
  CHECK(active == "<Timeout [active] when=3600000001.5><Timeout [active] when=None>");
  CHECK(to_string(scope) == "<Timeout [finished]>");
  timeout_scope late(1ms);
  std::string expiring;
  const auto swallowing = [&]() -> coro<> {
    static_cast<void>(co_await outcome(forever()));
    expiring = to_string(late);
  };
  co_await with(late, swallowing);
  CHECK(expiring == "<Timeout [expiring]>");
  CHECK(to_string(late) == "<Timeout [expired]>");
}

LOOP_TEST("timeout: the way in and out may be awaited by hand", "[flow][timeout]") {
  timeout_scope scope(1ms);
  timeout_scope& entered = co_await scope.aenter();
  CHECK(&entered == &scope);
  std::exception_ptr error;
  try {
    co_await forever();
  } catch (...) {
    error = std::current_exception();
  }
  const std::string how = co_await outcome(scope.aexit(error));
  CHECK(how == "timeout");
  CHECK(current_task().cancelling() == 0);
}
