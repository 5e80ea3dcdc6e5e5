// SPDX-License-Identifier: BSL-1.0
// What callers do wrong, and which error they get. docs/errors.md has the whole table.
#include "loop_test.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

template <class F>
std::string error_of(F f) {
  try {
    f();
    return "no error";
  } catch (...) {
    return in_words(std::current_exception());
  }
}

coro<> nothing() { co_return; }

}  // namespace

TEST_CASE("FAULT-01: a call that needs a running loop names itself where none runs", "[faults]") {
  CHECK_THROWS_AS(get_running_loop(), no_running_loop);
  CHECK(error_of([] { static_cast<void>(get_running_loop()); }) == "error: get_running_loop: no running event loop");
  CHECK(error_of([] { create_task(nothing()); }).starts_with("error: create_task: no running event loop"));
  CHECK(error_of([] { static_cast<void>(all_tasks()); }) == "error: all_tasks: no running event loop");
  CHECK(error_of([] { static_cast<void>(loop_count()); }) == "error: current_runtime: no running event loop");
  CHECK(error_of([] { const pin_scope stay; }) == "error: pin_scope: no task is running here");
}

TEST_CASE("FAULT-14: a semaphore's value does not go past what it can count", "[faults]") {
  semaphore full(std::numeric_limits<std::ptrdiff_t>::max());
  CHECK_THROWS_AS(full.release(), value_error);
  CHECK(to_string(full).find("value:" + std::to_string(std::numeric_limits<std::ptrdiff_t>::max())) !=
        std::string::npos);
}

namespace {

using seconds = std::chrono::duration<double>;
constexpr seconds not_a_number(std::numeric_limits<double>::quiet_NaN());
constexpr seconds infinite(std::numeric_limits<double>::infinity());
constexpr seconds long_past(-std::numeric_limits<double>::infinity());
constexpr seconds huge(1e300);

// Whether a sleep that long is over after a virtual year.
template <class D>
coro<bool> ends(D delay) {
  const auto sleeper = [](D d) -> coro<> { co_await sleep(d); };
  const task<> t = create_task(sleeper(delay));
  co_await sleep(std::chrono::hours(24 * 365));
  const bool over = t.done();
  t.cancel();
  static_cast<void>(co_await wait(t));
  co_return over;
}

template <class D>
coro<std::string> limited(D limit) {
  const auto body = []() -> coro<int> {
    co_await sleep(std::chrono::hours(24 * 365));
    co_return 1;
  };
  const std::string scope = co_await outcome(with_timeout(limit, body));
  const std::string call = co_await outcome(wait_for(body(), limit));
  co_return scope + ", " + call;
}

template <class D>
std::string call_later_in(D delay) {
  return error_of([delay] { get_running_loop().call_later(delay, [] {}).cancel(); });
}

// in_words() knows errors that tell what they are.
std::string in_words_or_int(const std::exception_ptr& error) {
  try {
    return in_words(error);
  } catch (int value) {
    return "int " + std::to_string(value);
  }
}

}  // namespace

LOOP_TEST("FAULT-19: a time that is not a number is refused everywhere", "[faults]") {
  CHECK_THROWS_AS(static_cast<void>(sleep(not_a_number)), value_error);
  CHECK_THROWS_AS(sleep(not_a_number, 1), value_error);
  CHECK_THROWS_AS(get_running_loop().call_later(not_a_number, [] {}), value_error);
  CHECK_THROWS_AS(timeout_scope(not_a_number), value_error);
  CHECK_THROWS_AS(with_timeout(not_a_number, &nothing), value_error);
  CHECK_THROWS_AS(wait_for(sleep(1s), not_a_number), value_error);
  co_return;
}

TEST_CASE("FAULT-19, FAULT-20: infinite and huge times never come, those before now come at once", "[faults]") {
  const auto main = []() -> coro<> {
    CHECK_FALSE(co_await ends(infinite));
    CHECK_FALSE(co_await ends(huge));
    CHECK_FALSE(co_await ends(std::chrono::nanoseconds::max()));
    CHECK_FALSE(co_await ends(std::chrono::hours::max()));
    CHECK(co_await ends(long_past));
    CHECK(co_await ends(seconds(-1e300)));
    CHECK(co_await ends(std::chrono::nanoseconds::min()));
    CHECK(co_await ends(std::chrono::hours::min()));
    CHECK(co_await limited(infinite) == "1, 1");
    CHECK(co_await limited(huge) == "1, 1");
    CHECK(co_await limited(std::chrono::hours::max()) == "1, 1");
    CHECK(co_await limited(long_past) == "timeout, timeout");
    CHECK(co_await limited(std::chrono::hours::min()) == "timeout, timeout");
    for (const seconds each : {infinite, huge, long_past, seconds(0)}) CHECK(call_later_in(each) == "no error");
  };
  gyre::testing::simulate(1, one_loop(), main());
}

LOOP_TEST("FAULT-20: a limit of hours::max() is none, wherever one is given", "[faults]") {
  constexpr auto for_ever = std::chrono::hours::max();
  const auto last = []() -> coro<int> {
    co_await sleep(1ms);
    co_return 1;
  };
  const wait_options limit{.timeout = for_ever};
  const task<int> t = create_task(last());
  const auto sets = co_await wait(t, limit);
  CHECK(sets.pending.empty());
  std::vector<task<int>> tasks{create_task(last())};
  auto each = as_completed(tasks, for_ever);
  const auto ended = co_await each.next();
  CHECK(ended.has_value());
  const std::vector<coro<int> (*)()> candidates{last, last};
  const auto race = co_await staggered_race(candidates, for_ever);
  CHECK(race.index == 0U);
  CHECK(race.exceptions.size() == 1);  // the second was not started
}

TEST_CASE("FAULT-20: a thread waits for a result for hours::max(), and for the end of a runtime", "[faults]") {
  runtime r(run_options().loops(1).shutdown_timeout(std::chrono::hours::max()).stall_limit(std::chrono::hours::max()));
  const auto last = []() -> coro<int> {
    co_await sleep(1ms);
    co_return 1;
  };
  CHECK(run_coroutine_threadsafe(last(), r).result(std::chrono::hours::max()) == 1);
  const auto leaves_one = [](auto body) -> coro<> {
    create_task(body());
    co_return;
  };
  run_coroutine_threadsafe(leaves_one(last), r).result(std::chrono::nanoseconds::max());
  r.stop();
}

LOOP_TEST("FAULT-23: what is thrown may be anything, and arrives unchanged", "[faults]") {
  struct odd {
    int value;
  };
  const auto throws_int = []() -> coro<> {
    co_await sleep(0ns);
    throw 7;
  };
  const auto throws_odd = []() -> coro<int> {
    co_await sleep(0ns);
    throw odd{8};
  };
  int caught = 0;
  try {
    co_await create_task(throws_int());
  } catch (int value) {
    caught = value;
  }
  CHECK(caught == 7);
  try {
    static_cast<void>(co_await gather(throws_odd(), throws_odd()));
  } catch (const odd& error) {
    caught = error.value;
  }
  CHECK(caught == 8);
  const future<int> f;
  f.set_exception(std::make_exception_ptr(9));
  try {
    static_cast<void>(co_await f);
  } catch (int value) {
    caught = value;
  }
  CHECK(caught == 9);

  const report_catcher reports;
  {
    const task<> forgotten = create_task(throws_int());
    static_cast<void>(co_await wait(forgotten));
  }
  REQUIRE(reports.reports.size() == 1);
  CHECK(in_words_or_int(reports.reports[0].exception) == "int 7");
}
