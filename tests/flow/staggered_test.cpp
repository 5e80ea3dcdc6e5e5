// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

using candidates = std::vector<std::function<coro<int>()>>;

coro<int> after(std::chrono::milliseconds delay, int value) {
  co_await sleep(delay);
  co_return value;
}

coro<int> fail_after(std::chrono::milliseconds delay, const char* what) {
  co_await sleep(delay);
  throw std::runtime_error(what);
}

coro<int> forever() {
  co_await sleep(1h);
  co_return 0;
}

/// Counts itself while it runs; odd ones succeed.
coro<int> odd_wins(std::atomic<int>& running, int number) {
  ++running;
  std::exception_ptr error;
  try {
    co_await settle(number + 2);
  } catch (...) {
    error = std::current_exception();
  }
  --running;
  if (error != nullptr) std::rethrow_exception(error);
  if (number % 2 == 0) throw std::runtime_error("even");
  co_return number;
}

std::string all_of(const std::vector<std::exception_ptr>& errors) {
  std::string out;
  for (const std::exception_ptr& each : errors) out += in_words(each) + "; ";
  return out;
}

}  // namespace

LOOP_TEST("STAG-001: the first that succeeds wins", "[flow][staggered]") {
  candidates all;
  all.push_back([] { return after(1ms, 5); });
  all.push_back([] { return after(1ms, 6); });
  const auto result = co_await staggered_race(all, 10ms);
  REQUIRE(result.winner.has_value());
  CHECK(*result.winner == 5);
  CHECK(result.index == std::size_t{0});
  CHECK(all_of(result.exceptions) == "no error; ");
}

LOOP_TEST("STAG-001: a failure starts the next before its delay has passed", "[flow][staggered]") {
  candidates all;
  all.push_back([] { return fail_after(1ms, "first"); });
  all.push_back([] { return after(1ms, 6); });
  const auto start = get_running_loop().now();
  const auto result = co_await staggered_race(all, 1h);
  CHECK(result.winner == 6);
  CHECK(result.index == std::size_t{1});
  CHECK(all_of(result.exceptions) == "error: first; no error; ");
  CHECK(get_running_loop().now() - start < 1h);
}

LOOP_TEST("STAG-001: the delay starts the next; its success cancels the first", "[flow][staggered]") {
  bool cancelled = false;
  const auto slow = [](bool& noted) -> coro<int> {
    std::exception_ptr error;
    try {
      co_return co_await forever();
    } catch (...) {
      error = std::current_exception();
    }
    co_await sleep(0ns);
    noted = true;
    std::rethrow_exception(error);
  };
  candidates all;
  all.push_back([&] { return slow(cancelled); });
  all.push_back([] { return after(1ms, 7); });
  const auto result = co_await staggered_race(all, 2ms);
  CHECK(result.winner == 7);
  CHECK(result.index == std::size_t{1});
  CHECK(all_of(result.exceptions) == "cancelled; no error; ");
  CHECK(cancelled);
}

LOOP_TEST("STAG-001: without a delay the next starts only after a failure", "[flow][staggered]") {
  int started = 0;
  candidates all;
  all.push_back([&] {
    ++started;
    return fail_after(2ms, "a");
  });
  all.push_back([&] {
    ++started;
    return after(2ms, 2);
  });
  all.push_back([&] {
    ++started;
    return after(0ms, 3);
  });
  const auto result = co_await staggered_race(all);
  CHECK(result.winner == 2);
  CHECK(started == 2);
  CHECK(result.exceptions.size() == 2);
}

LOOP_TEST("STAG-001: with a delay of 0 all start", "[flow][staggered]") {
  event all_started;
  const auto body = [](event& go, int number) -> coro<int> {
    if (number == 3) {
      go.set();
      co_await forever();
    }
    co_await go.wait();
    co_return number;
  };
  candidates all;
  for (int i = 0; i < 4; ++i) all.push_back([&all_started, body, i] { return body(all_started, i); });
  const auto result = co_await staggered_race(all, 0ms);
  CHECK(result.index == std::size_t{0});
  CHECK(all_of(result.exceptions) == "no error; cancelled; cancelled; cancelled; ");
}

LOOP_TEST("STAG-002: nobody succeeds", "[flow][staggered]") {
  candidates all;
  for (const char* what : {"a", "b", "c"}) all.push_back([what] { return fail_after(1ms, what); });
  const auto result = co_await staggered_race(all, 1ms);
  CHECK_FALSE(result.winner.has_value());
  CHECK_FALSE(result.index.has_value());
  CHECK(all_of(result.exceptions) == "error: a; error: b; error: c; ");
}

LOOP_TEST("STAG-002: no candidates", "[flow][staggered]") {
  const candidates none;
  const auto result = co_await staggered_race(none, 1ms);
  CHECK_FALSE(result.winner.has_value());
  CHECK_FALSE(result.index.has_value());
  CHECK(result.exceptions.empty());
}

LOOP_TEST("staggered_race: candidates without a value", "[flow][staggered]") {
  const std::vector<coro<> (*)()> all{[]() -> coro<> { co_await sleep(1ms); }};
  const auto result = co_await staggered_race(all);
  CHECK(result.winner.has_value());
  CHECK(result.index == std::size_t{0});
}

LOOP_TEST("staggered_race: cancelled, it cancels its candidates and waits for them", "[flow][staggered]") {
  int ended = 0;
  const auto body = [](int& count) -> coro<int> {
    static_cast<void>(co_await outcome(forever()));
    co_await sleep(1ms);
    ++count;
    throw cancelled_error();
    co_return 0;
  };
  candidates all;
  for (int i = 0; i < 3; ++i) all.push_back([&] { return body(ended); });
  const auto race = [](candidates c) -> coro<> { static_cast<void>(co_await staggered_race(std::move(c), 0ms)); };
  const task<> t = create_task(race(all));
  co_await settle(20);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(ended == 3);
}

RUNTIME_TEST("STAG-001: one winner on several loops", "[flow][staggered]") {
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> running{0};
    candidates all;
    for (int i = 0; i < 6; ++i) {
      all.push_back([&running, i] { return odd_wins(running, i); });
    }
    const auto result = co_await staggered_race(all, 0ms);
    CHECK(running == 0);
    REQUIRE(result.winner.has_value());
    CHECK(*result.winner % 2 == 1);
    CHECK(result.index == static_cast<std::size_t>(*result.winner));
    REQUIRE(result.exceptions.size() > *result.index);
    CHECK(result.exceptions[*result.index] == nullptr);
  }
}

LOOP_TEST("staggered_race: once it is won nobody begins, and a candidate that is made late is cancelled",
          "[flow][staggered]") {
  detail::stagger_base race(3, std::nullopt);
  CHECK(race.begin(0));
  CHECK(race.begin(1));
  CHECK(race.win(1));
  CHECK_FALSE(race.win(0));
  CHECK_FALSE(race.begin(2));
  const task<> late = create_task(settle(100));
  race.add(2, late);
  static_cast<void>(co_await wait(late));
  CHECK(late.cancelled());
}
