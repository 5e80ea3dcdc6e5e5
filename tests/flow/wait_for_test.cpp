// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) {
  co_await sleep(0ns);
  co_return value;
}

coro<int> await_future(future<int> f) { co_return co_await f; }

coro<int> swallow(future<int> f) {
  try {
    co_return co_await f;
  } catch (const cancelled_error&) {
  }
  co_return 9;
}

coro<int> fail_when_cancelled(future<int> f) {
  try {
    co_return co_await f;
  } catch (const cancelled_error&) {
    throw std::runtime_error("clean-up failed");
  }
}

coro<int> slow_to_end(future<int> f, std::string& log) {
  std::exception_ptr error;
  try {
    static_cast<void>(co_await f);
  } catch (const cancelled_error&) {
    error = std::current_exception();
  }
  log += "cleaning ";
  co_await sleep(3ms);
  log += "clean ";
  if (error != nullptr) std::rethrow_exception(error);
  co_return 0;
}

coro<int> note_start(bool& started) {
  started = true;
  co_return 1;
}

coro<any_task> who() { co_return current_task(); }

coro<int> wait_limited(task<int> t, std::chrono::milliseconds limit) { co_return co_await wait_for(t, limit); }

coro<int> wait_unlimited(task<int> t) { co_return co_await wait_for(t, std::nullopt); }

}  // namespace

LOOP_TEST("WFOR-001: gives the result of what is done in time", "[flow][wait_for]") {
  const int from_coro = co_await wait_for(give(1), 1h);
  CHECK(from_coro == 1);
  const task<int> t = create_task(give(2));
  const int from_task = co_await wait_for(t, 1h);
  CHECK(from_task == 2);
  const future<int> f;
  get_running_loop().call_soon([f] { f.set_result(3); });
  const int from_future = co_await wait_for(f, 1h);
  CHECK(from_future == 3);
}

LOOP_TEST("WFOR-002: without a limit it waits until the end", "[flow][wait_for]") {
  const int value = co_await wait_for(give(1), std::nullopt);
  CHECK(value == 1);
  const std::optional<std::chrono::milliseconds> none;
  const int again = co_await wait_for(give(2), none);
  CHECK(again == 2);
}

LOOP_TEST("WFOR-003: at the limit the inner task is cancelled and waited for", "[flow][wait_for]") {
  const future<int> f;
  const task<int> inner = create_task(await_future(f));
  const std::string how = co_await outcome(wait_for(inner, 2ms));
  CHECK(how == "timeout");
  CHECK(inner.cancelled());
}

LOOP_TEST("WFOR-004: an inner task slow to end delays the timeout", "[flow][wait_for]") {
  const future<int> f;
  std::string log;
  const task<int> inner = create_task(slow_to_end(f, log));
  const std::string how = co_await outcome(wait_for(inner, 1ms));
  CHECK(how == "timeout");
  CHECK(log == "cleaning clean ");
}

LOOP_TEST("WFOR-005: an inner task that swallows the cancel gives its value", "[flow][wait_for]") {
  const future<int> f;
  const task<int> inner = create_task(swallow(f));
  const int value = co_await wait_for(inner, 1ms);
  CHECK(value == 9);
}

LOOP_TEST("WFOR-006: an error thrown while being cancelled comes out", "[flow][wait_for]") {
  const future<int> f;
  const task<int> inner = create_task(fail_when_cancelled(f));
  const std::string how = co_await outcome(wait_for(inner, 1ms));
  CHECK(how == "error: clean-up failed");
}

LOOP_TEST("WFOR-007: with a limit of 0 a done awaitable gives its result", "[flow][wait_for]") {
  const future<int> f;
  f.set_result(4);
  const int value = co_await wait_for(f, 0ms);
  CHECK(value == 4);
  const int negative = co_await wait_for(f, -1s);
  CHECK(negative == 4);
}

LOOP_TEST("WFOR-007: with a limit of 0 what had been cancelled is no timeout", "[flow][wait_for]") {
  const future<int> f;
  f.cancel("before");
  const std::string how = co_await outcome(wait_for(f, 0ms));
  CHECK(how == "cancelled: before");
}

LOOP_TEST("WFOR-008: with a limit of 0 a coroutine is never started", "[flow][wait_for]") {
  bool started = false;
  const std::string how = co_await outcome(wait_for(note_start(started), 0ms));
  CHECK(how == "timeout");
  CHECK_FALSE(started);
}

LOOP_TEST("WFOR-009: with a limit of 0 a running task is cancelled and waited for", "[flow][wait_for]") {
  const future<int> f;
  std::string log;
  const task<int> inner = create_task(slow_to_end(f, log));
  co_await settle(2);
  const std::string how = co_await outcome(wait_for(inner, 0ms));
  CHECK(how == "timeout");
  CHECK(inner.cancelled());
  CHECK(log == "cleaning clean ");
}

LOOP_TEST("WFOR-010: cancelling wait_for cancels the inner task and waits for it", "[flow][wait_for]") {
  const future<int> f;
  std::string log;
  const task<int> inner = create_task(slow_to_end(f, log));
  const task<int> outer = create_task(wait_limited(inner, 1h));
  co_await settle(3);
  outer.cancel();
  const std::string how = co_await outcome(outer);
  CHECK(how == "cancelled");
  CHECK(outer.cancelled());
  CHECK(log == "cleaning clean ");
}

LOOP_TEST("WFOR-010: also without a limit", "[flow][wait_for]") {
  const future<int> f;
  const task<int> inner = create_task(await_future(f));
  const task<int> outer = create_task(wait_unlimited(inner));
  co_await settle(3);
  outer.cancel();
  const std::string how = co_await outcome(outer);
  CHECK(how == "cancelled");
  CHECK(inner.cancelled());
}

LOOP_TEST("WFOR-011: cancelled in the iteration in which the inner task finished", "[flow][wait_for]") {
  const future<int> f;
  const task<int> inner = create_task(await_future(f));
  const task<int> outer = create_task(wait_limited(inner, 1h));
  co_await settle(3);
  f.set_result(5);
  co_await sleep(0ns);
  REQUIRE(inner.done());
  REQUIRE_FALSE(outer.done());
  outer.cancel();
  const std::string how = co_await outcome(outer);
  CHECK(how == "cancelled");
  CHECK(inner.result() == 5);
}

LOOP_TEST("WFOR-012: the timeout_error has the cancelled_error as its cause", "[flow][wait_for]") {
  const auto cause_of = [](coro<int> limited) -> coro<std::string> {
    try {
      static_cast<void>(co_await std::move(limited));
    } catch (const timeout_error& e) {
      try {
        std::rethrow_if_nested(e);
      } catch (...) {
        co_return in_words(std::current_exception());
      }
    }
    co_return "none";
  };
  const future<int> f;
  const std::string in_time = co_await cause_of(wait_for(create_task(await_future(f)), 1ms));
  CHECK(in_time == "cancelled");
  const future<int> g;
  const std::string at_once = co_await cause_of(wait_for(create_task(await_future(g)), 0ms));
  CHECK(at_once == "cancelled");
}

LOOP_TEST("WFOR-013: a shielded task goes on after the timeout", "[flow][wait_for]") {
  const future<int> f;
  const task<int> inner = create_task(await_future(f));
  const std::string how = co_await outcome(wait_for(shield(inner), 1ms));
  CHECK(how == "timeout");
  CHECK_FALSE(inner.done());
  f.set_result(6);
  const int value = co_await inner;
  CHECK(value == 6);
}

LOOP_TEST("WFOR-014: a coroutine runs inside the calling task", "[flow][wait_for]") {
  const any_task me = current_task();
  const any_task inside = co_await wait_for(who(), 1h);
  CHECK(me == inside);
}

LOOP_TEST("WFOR-015: after a timeout cancelling() is 0 again", "[flow][wait_for]") {
  const auto forever = []() -> coro<int> {
    co_await sleep(1h);
    co_return 0;
  };
  const std::string how = co_await outcome(wait_for(forever(), 1ms));
  CHECK(how == "timeout");
  CHECK(current_task().cancelling() == 0);
  co_await sleep(0ns);
}

LOOP_TEST("wait_for: over a gather", "[flow][wait_for]") {
  const auto [a, b] = co_await wait_for(gather(give(1), give(2)), 1h);
  CHECK(a + b == 3);
  const future<int> f;
  const std::string how = co_await outcome(wait_for(gather(await_future(f), give(1)), 1ms));
  CHECK(how == "timeout");
  CHECK(f.cancelled());
}

LOOP_TEST("WFOR-003: over what is awaited where it stands", "[flow][wait_for]") {
  std::string how = "in time";
  try {
    co_await wait_for(sleep(1h), 1ms);
  } catch (const timeout_error&) {
    how = "timeout";
  }
  CHECK(how == "timeout");
  lock l;
  const bool taken = co_await wait_for(l.acquire(), 1h);
  CHECK(taken);
  how = "in time";
  try {
    static_cast<void>(co_await wait_for(l.acquire(), 1ms));
  } catch (const timeout_error&) {
    how = "timeout";
  }
  CHECK(how == "timeout");
  l.release();
  CHECK_FALSE(l.locked());
}

LOOP_TEST("WFOR-001: over an event, a queue, a semaphore", "[flow][wait_for]") {
  event e;
  e.set();
  const bool set = co_await wait_for(e.wait(), 1h);
  CHECK(set);
  queue<std::string> q;
  q.put_nowait("item");
  const std::string item = co_await wait_for(q.get(), std::optional<std::chrono::seconds>(1h));
  CHECK(item == "item");
  semaphore s(1);
  co_await wait_for(s.acquire(), std::nullopt);
  CHECK(s.locked());
  s.release();
}

LOOP_TEST("WFOR-008: with a limit of 0 an acquire is never begun", "[flow][wait_for]") {
  lock l;
  bool timed_out = false;
  try {
    static_cast<void>(co_await wait_for(l.acquire(), 0ms));
  } catch (const timeout_error&) {
    timed_out = true;
  }
  CHECK(timed_out);
  CHECK_FALSE(l.locked());
}

LOOP_TEST("WFOR-010: cancelled while it waits for a lock", "[flow][wait_for]") {
  lock l;
  co_await l.acquire();
  const auto body = [](lock& shared) -> coro<> { static_cast<void>(co_await wait_for(shared.acquire(), 1h)); };
  const task<> t = create_task(body, std::ref(l));
  co_await settle(2);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  l.release();
  const bool free = co_await l.acquire();
  CHECK(free);
  l.release();
}

LOOP_TEST("wait_for: a named coroutine is used up", "[flow][wait_for]") {
  coro<int> named = give(3);
  const int value = co_await wait_for(named, 1h);
  CHECK(value == 3);
}

LOOP_TEST("wait_for: nested, the inner limit comes first", "[flow][wait_for]") {
  const auto inner = []() -> coro<std::string> {
    const auto forever = []() -> coro<> { co_await sleep(1h); };
    co_return co_await outcome(wait_for(forever(), 1ms));
  };
  const std::string how = co_await wait_for(inner(), 1h);
  CHECK(how == "timeout");
}

LOOP_TEST("wait_for: nested, the outer limit comes first", "[flow][wait_for]") {
  const auto inner = [](std::string& log) -> coro<> {
    const auto forever = []() -> coro<> { co_await sleep(1h); };
    std::exception_ptr error;
    try {
      co_await wait_for(forever(), 1h);
    } catch (...) {
      error = std::current_exception();
    }
    log = in_words(error);
    std::rethrow_exception(error);
  };
  std::string log;
  const std::string how = co_await outcome(wait_for(inner(log), 1ms));
  CHECK(how == "timeout");
  CHECK(log == "cancelled");
}

// Begun on an idle loop, a get() could take its item before the cancel comes: the item would be lost.
RUNTIME_TEST("wait_for: a call whose time is over before it begins is begun on no other loop", "[flow][wait_for]") {
  queue<int> numbers;
  numbers.put_nowait(1);
  int made = 0;
  int pinned = 0;
  event_loop& here = get_running_loop();
  here.set_task_factory([&](event_loop&, any_coro& body, const task_options& options) {
    ++made;
    pinned += options.pin ? 1 : 0;
    return body.create_task(options);
  });
  const std::string how = co_await outcome(wait_for(numbers.get(), 0ns));
  here.set_task_factory({});
  CHECK(how == "timeout");
  CHECK(numbers.qsize() == 1);
  CHECK(made == 1);
  CHECK(pinned == 1);
}

// One loop waits for what it has just cancelled, and takes its own cancel there.
TEST_CASE("wait_for: a caller that is to be cancelled is, when what its limit cancels ends at once on another loop",
          "[flow][wait_for][cancel]") {
  const auto main = []() -> coro<> {
    const auto never = []() -> coro<> { co_await future<>(); };
    const auto caller = [](task<> t) -> coro<std::string> {
      current_task().cancel("own");
      const std::string how = co_await outcome(wait_for(t, 0ns));
      current_task().uncancel();
      co_return how;
    };
    CHECK(co_await create_task(caller, create_task(never())) == "cancelled: own");
  };
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    gyre::testing::simulate(seed, run_options().loops(4), main());
  }
}
