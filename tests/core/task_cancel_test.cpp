// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> await_future(future<int> f) { co_return co_await f; }

coro<> note_start(bool& started) {
  started = true;
  co_return;
}

coro<> await_task(task<int> t) { static_cast<void>(co_await t); }

coro<int> await_through(future<int> f, int depth) {
  if (depth == 0) co_return co_await f;
  co_return co_await await_through(f, depth - 1);
}

coro<> cancel_itself(std::string& log) {
  current_task().cancel();
  log += "goes on ";
  co_await sleep(0ns);
  log += "never ";
}

coro<int> cancel_itself_and_return() {
  current_task().cancel();
  co_return 5;
}

coro<int> catch_and_return(future<int> f) {
  try {
    co_return co_await f;
  } catch (const cancelled_error&) {
  }
  co_return 42;
}

coro<int> catch_and_throw(future<int> f) {
  try {
    co_return co_await f;
  } catch (const cancelled_error&) {
    throw std::runtime_error("while cancelled");
  }
}

coro<> catch_twice(future<int> first, future<int> second, std::string& log) {
  const std::string one = co_await outcome(first);
  log += one + " ";
  const std::string two = co_await outcome(second);
  log += two + " ";
}

coro<> throw_cancelled() {
  throw cancelled_error("by itself");
  co_return;
}

coro<> await_done_then_sleep(future<int> done, std::string& log) {
  current_task().cancel();
  const int value = co_await done;
  log += std::to_string(value) + " ";
  co_await sleep(0ns);
  log += "never ";
}

coro<> await_future_after_own_cancel(future<int> f, std::string& log) {
  current_task().cancel("own");
  const std::string how = co_await outcome(f);
  log += how + " ";
}

coro<> uncancel_itself(std::string& log) {
  current_task().cancel();
  CHECK(current_task().uncancel() == 0);
  co_await sleep(0ns);
  log += "went on ";
}

coro<> slow_to_end(future<int> f, int turns, std::string& log) {
  try {
    static_cast<void>(co_await f);
  } catch (const cancelled_error&) {
    log += "cleaning ";
  }
  co_await settle(turns);
  log += "clean ";
}

coro<> await_void(task<> t, std::string& log) {
  const std::string how = co_await outcome(std::move(t));
  log += how + " ";
}

coro<> sleep_zero() { co_await sleep(0ns); }

}  // namespace

LOOP_TEST("TASK-012: cancel() cancels the awaited future; the task ends when the error has left it", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(await_future(f));
  co_await settle(2);
  CHECK(t.cancel());
  CHECK(f.cancelled());
  CHECK_FALSE(t.done());
  co_await settle(2);
  CHECK(t.cancelled());
  CHECK_THROWS_AS(t.result(), cancelled_error);
}

LOOP_TEST("FAULT-11, TASK-013: cancel() is refused once the task is done", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(await_future(f));
  co_await settle(2);
  f.set_result(1);
  co_await t;
  CHECK_FALSE(t.cancel());
  CHECK_FALSE(t.cancelled());
  CHECK(t.cancelling() == 0);
}

LOOP_TEST("TASK-014: right after cancel() a task is neither done nor cancelled", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(await_future(f));
  t.cancel();
  CHECK_FALSE(t.done());
  CHECK_FALSE(t.cancelled());
  CHECK(t.cancelling() == 1);
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
}

LOOP_TEST("TASK-015: a task cancelled before its first step never runs its body", "[core][cancel]") {
  bool started = false;
  const task<> t = create_task(note_start(started));
  CHECK(t.cancel("early"));
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: early");
  CHECK(t.cancelled());
  CHECK_FALSE(started);
}

LOOP_TEST("TASK-016: cancel() goes to the awaited task, and the waiter ends after it", "[core][cancel]") {
  const future<int> f;
  std::string log;
  const task<> inner = create_task(slow_to_end(f, 3, log));
  const task<> outer = create_task(await_void(inner, log));
  co_await settle(3);
  outer.cancel();
  co_await outer;
  CHECK(inner.done());
  CHECK_FALSE(inner.cancelled());
  CHECK(log == "cleaning clean done ");
}

LOOP_TEST("TASK-017: cancel() goes down a chain of tasks to the innermost future", "[core][cancel]") {
  const future<int> f;
  const task<int> inner = create_task(await_through(f, 3));
  const task<> middle = create_task(await_task(inner));
  co_await settle(3);
  middle.cancel("deep");
  CHECK(f.cancelled());
  const std::string how = co_await outcome(middle);
  CHECK(how == "cancelled: deep");
  CHECK(inner.cancelled());
}

LOOP_TEST("TASK-018: cancel() in sleep(0) is delivered at the next step", "[core][cancel]") {
  const task<> t = create_task(sleep_zero());
  co_await settle(1);
  CHECK_FALSE(t.done());
  CHECK(t.cancel());
  co_await settle(1);
  CHECK(t.cancelled());
}

LOOP_TEST("TASK-019: cancel() after the awaited future ended, before the task resumed, wins", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(await_future(f));
  co_await settle(2);
  f.set_result(1);
  CHECK(t.cancel());
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
}

LOOP_TEST("FAULT-11, TASK-020: a task that cancels itself goes on until it suspends", "[core][cancel]") {
  std::string log;
  const task<> t = create_task(cancel_itself(log));
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(log == "goes on ");
}

LOOP_TEST("TASK-021: a pending cancel cancels the next future awaited", "[core][cancel]") {
  const future<int> f;
  std::string log;
  const task<> t = create_task(await_future_after_own_cancel(f, log));
  co_await t;
  CHECK(f.cancelled());
  CHECK(log == "cancelled: own ");
}

LOOP_TEST("TASK-022: a pending cancel is not delivered by an await that does not suspend", "[core][cancel]") {
  const future<int> done;
  done.set_result(8);
  std::string log;
  const task<> t = create_task(await_done_then_sleep(done, log));
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(log == "8 ");
}

LOOP_TEST("TASK-023: a task that returns while a cancel is pending ends cancelled", "[core][cancel]") {
  const task<int> t = create_task(cancel_itself_and_return());
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(t.cancelled());
}

LOOP_TEST("TASK-024: a task may catch the cancel and return", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(catch_and_return(f));
  co_await settle(2);
  t.cancel();
  const int value = co_await t;
  CHECK(value == 42);
  CHECK_FALSE(t.cancelled());
}

LOOP_TEST("TASK-025: a task that caught the cancel goes on, and can be cancelled again", "[core][cancel]") {
  const future<int> first;
  const future<int> second;
  std::string log;
  const task<> t = create_task(catch_twice(first, second, log));
  co_await settle(2);
  t.cancel("one");
  co_await settle(2);
  CHECK(log == "cancelled: one ");
  CHECK_FALSE(second.done());
  t.cancel("two");
  co_await t;
  CHECK(log == "cancelled: one cancelled: two ");
  CHECK(t.cancelling() == 2);
}

LOOP_TEST("TASK-026: an error thrown while the cancel is handled is the task's outcome", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(catch_and_throw(f));
  co_await settle(2);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "error: while cancelled");
  CHECK_FALSE(t.cancelled());
}

LOOP_TEST("TASK-027: a coroutine that throws cancelled_error by itself makes its task cancelled", "[core][cancel]") {
  const task<> t = create_task(throw_cancelled());
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: by itself");
  CHECK(t.cancelled());
  CHECK(t.cancelling() == 0);
}

LOOP_TEST("TASK-028: a future cancelled by somebody else cancels the task that awaits it", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(await_future(f));
  co_await settle(2);
  f.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(t.cancelled());
  CHECK(t.cancelling() == 0);
}

LOOP_TEST("TASK-029: awaiting a cancelled task does not cancel the waiter", "[core][cancel]") {
  const task<> t = create_task(throw_cancelled());
  co_await settle(2);
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: by itself");
  CHECK(current_task().cancelling() == 0);
  co_await settle(1);
}

LOOP_TEST("TASK-030: before the first step the last message wins", "[core][cancel]") {
  bool started = false;
  const task<> t = create_task(note_start(started));
  t.cancel("first");
  t.cancel("last");
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: last");
  CHECK(t.cancelling() == 2);
}

LOOP_TEST("TASK-030: while a future is awaited the first message wins", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(await_future(f));
  co_await settle(2);
  t.cancel("first");
  t.cancel("last");
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: first");
}

LOOP_TEST("TASK-030: the message that has ended a sleep is not replaced", "[core][cancel]") {
  const task<> t = create_task(sleep(1h));
  co_await settle(2);
  t.cancel("first");
  t.cancel("last");
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: first");
}

LOOP_TEST("FAULT-11, TASK-031: cancelling() counts requests, uncancel() takes them back", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(await_future(f));
  CHECK(t.cancelling() == 0);
  CHECK(t.uncancel() == 0);
  t.cancel();
  t.cancel();
  CHECK(t.cancelling() == 2);
  CHECK(t.uncancel() == 1);
  CHECK(t.uncancel() == 0);
  CHECK(t.uncancel() == 0);
  f.set_result(1);
  co_await t;
}

LOOP_TEST("FAULT-11, TASK-031: the count of cancels stays at its maximum", "[core][cancel]") {
  const task<> t = create_task(sleep(1h));
  for (int i = 0; i < 70'000; ++i) t.cancel();
  CHECK(t.cancelling() == 65'535);
  CHECK(t.uncancel() == 65'534);
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
}

LOOP_TEST("TASK-032: uncancel() down to 0 withdraws a cancel that was not delivered", "[core][cancel]") {
  std::string log;
  const task<> t = create_task(uncancel_itself(log));
  co_await t;
  CHECK(log == "went on ");
  CHECK_FALSE(t.cancelled());
}

LOOP_TEST("TASK-033: catching the cancel does not lower cancelling()", "[core][cancel]") {
  const future<int> f;
  const task<int> t = create_task(catch_and_return(f));
  co_await settle(2);
  t.cancel();
  co_await t;
  CHECK(t.cancelling() == 1);
}

LOOP_TEST("TASK-034: uncancel() on a finished task does not change its outcome", "[core][cancel]") {
  bool started = false;
  const task<> t = create_task(note_start(started));
  t.cancel();
  co_await settle(2);
  t.uncancel();
  CHECK(t.cancelled());
}

LOOP_TEST("TASK-036: the exception of a done task that was cancelled late is not reported", "[core][cancel]") {
  report_catcher caught;
  {
    const future<int> f;
    const task<int> t = create_task(catch_and_throw(f));
    co_await settle(2);
    f.cancel();
    co_await settle(2);
    REQUIRE(t.done());
    CHECK_FALSE(t.cancel());
  }
  CHECK(caught.reports.empty());
}

LOOP_TEST("cancel: an error of a task that was cancelled is still reported", "[core][cancel]") {
  report_catcher caught;
  {
    const future<int> f;
    const task<int> t = create_task(catch_and_throw(f));
    co_await settle(2);
    t.cancel();
    co_await settle(2);
    REQUIRE(t.done());
  }
  CHECK(caught.reports.size() == 1);
}

LOOP_TEST("cancel: catch (const std::exception&) does not see it", "[core][cancel]") {
  const future<int> f;
  const auto body = [](future<int> awaited) -> coro<> {
    try {
      static_cast<void>(co_await awaited);
    } catch (const std::exception&) {
      co_return;
    }
  };
  const task<> t = create_task(body, f);
  co_await settle(2);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
}

LOOP_TEST("TASK-035: blocks that cancel and uncancel tell their own cancellation from others", "[core][task][cancel]") {
  // A block with a limit of its own: what it cancels it takes back, and a request from outside stays.
  const auto block = [](std::string& log, bool outside) -> coro<> {
    const any_task me = current_task();
    const unsigned before = me.cancelling();
    std::exception_ptr error;
    get_running_loop().call_soon([me, outside] {
      me.cancel();
      if (outside) me.cancel();
    });
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
      error = std::current_exception();
    }
    if (me.uncancel() <= before) {
      log += "own ";
      co_return;
    }
    log += "other ";
    std::rethrow_exception(error);
  };
  std::string log;
  const task<> own = create_task(block, std::ref(log), false);
  const std::string first = co_await outcome(own);
  CHECK(first == "done");
  const task<> other = create_task(block, std::ref(log), true);
  const std::string second = co_await outcome(other);
  CHECK(second == "cancelled");
  CHECK(other.cancelling() == 1);
  CHECK(log == "own other ");
}

LOOP_TEST("TASK-030: a later cancel without a message leaves none", "[core][cancel]") {
  const task<> t = create_task(settle());
  t.cancel("why");
  t.cancel();
  CHECK(co_await outcome(t) == "cancelled");
}
