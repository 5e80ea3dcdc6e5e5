// SPDX-License-Identifier: BSL-1.0
// The memory of a gather that ran as a fork-join serves the next one: nothing of the last children may be left in it.
#include "loop_test.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

const context_var<int> mark("mark", 0);

// What a child finds when it begins, as a text; "clean" if nothing tells of another one.
std::string found_by(const any_task& me) {
  std::string found;
  if (mark.get() != 0) found += "a variable, ";
  if (me.cancelling() != 0) found += "a cancel, ";
  if (me.done()) found += "an end, ";
  if (me.get_name().rfind("Task-", 0) != 0) found += "a name, ";
  return found.empty() ? "clean" : found;
}

coro<long> look(std::atomic<int>& dirty) {
  const any_task me = current_task();
  if (found_by(me) != "clean") ++dirty;
  co_await sleep(0ns);
  if (found_by(me) != "clean") ++dirty;
  co_return 7;
}

// Without a handle, which makes the child keep its block.
coro<long> just_end() { co_return 7; }

coro<double> other_kind() { co_return 0.5; }

enum class trace_left { none, variable, error, name, cancel_with_text, held_lock, open_cancel };

coro<long> leave(trace_left what, lock& shared) {
  switch (what) {
    case trace_left::none:
      break;
    case trace_left::variable:
      mark.set(1);
      break;
    case trace_left::error:
      throw std::runtime_error("left");
    case trace_left::name:
      current_task().set_name("left");
      break;
    case trace_left::cancel_with_text:
      current_task().cancel("left");
      co_await sleep(0ns);
      break;
    case trace_left::held_lock:
      co_await shared.acquire();
      shared.release();
      break;
    case trace_left::open_cancel:  // it ends before the request is looked at
      current_task().cancel("left");
      break;
  }
  co_return 1;
}

coro<> gather_and_forget(trace_left what, lock& shared) {
  try {
    static_cast<void>(co_await gather(leave(what, shared), leave(what, shared)));
  } catch (const std::runtime_error&) {
  } catch (const cancelled_error&) {
  }
}

/// Ends, fails, or waits and then says so.
enum class way { end, fail, wait };

coro<long> go(way how, bool& waited) {
  if (how == way::fail) throw std::runtime_error("failed");
  if (how == way::wait) {
    co_await sleep(1h);
    waited = true;
  }
  co_return 7;
}

/// Gathers of one kind in turns: those that collect errors, and those that throw the first one at once.
coro<std::string> collect_and_throw() {
  bool waited = false;
  std::string log;
  for (int round = 0; round < 3; ++round) {
    static_cast<void>(co_await gather(go(way::end, waited), go(way::end, waited)));
    const auto [a, b] = co_await gather(return_exceptions, go(way::fail, waited), go(way::end, waited));
    log += in_words(a.exception()) + ", " + in_words(b.exception()) + "; ";
    static_cast<void>(co_await gather(return_exceptions, go(way::end, waited), go(way::end, waited)));
    const std::string how = co_await outcome(gather(go(way::fail, waited), go(way::wait, waited)));
    log += how + (waited ? ", late. " : ". ");
  }
  co_return log;
}

coro<int> look_round() {
  std::atomic<int> dirty{0};
  const auto [a, b] = co_await gather(look(dirty), look(dirty));
  if (a != 7 || b != 7) ++dirty;
  const auto [c, d] = co_await gather(just_end(), just_end());
  if (c != 7 || d != 7) ++dirty;
  co_return dirty;
}

}  // namespace

TEST_CASE("fork-join: memory used again holds nothing of the last children", "[runtime][fork_join]") {
  const trace_left all[] = {trace_left::none,       trace_left::variable,         trace_left::error,
                            trace_left::name,       trace_left::cancel_with_text, trace_left::held_lock,
                            trace_left::open_cancel};
  const auto body = [](const trace_left* first, const trace_left* last) -> coro<int> {
    lock shared;
    int dirty = 0;
    for (int round = 0; round < 3; ++round) {
      for (const trace_left* what = first; what != last; ++what) {
        co_await gather_and_forget(*what, shared);
        dirty += co_await look_round();
      }
    }
    co_return dirty;
  };
  CHECK(gyre::run(body(std::begin(all), std::end(all)), run_options().loops(1).order(run_order::fork_join)) == 0);
}

TEST_CASE("fork-join: memory goes from one kind of gather to another", "[runtime][fork_join]") {
  const auto body = []() -> coro<double> {
    double sum = 0;
    for (int round = 0; round < 5; ++round) {
      const auto [a, b] = co_await gather(just_end(), just_end());
      const auto [c, d] = co_await gather(other_kind(), other_kind());
      std::vector<coro<long>> many;
      for (int i = 0; i < 3; ++i) many.push_back(just_end());
      const std::vector<long> all = co_await gather(std::move(many));
      sum += static_cast<double>(a + b + all.at(0) + all.at(2)) + c + d;
    }
    co_return sum;
  };
  CHECK(gyre::run(body(), run_options().loops(1).order(run_order::fork_join)) == 5 * 29.0);
}

TEST_CASE("fork-join: memory goes from a gather that collects errors to one that throws them, and back",
          "[runtime][fork_join]") {
  const auto one = run_options().loops(1).order(run_order::fork_join);
  const std::string round = "error: failed, no error; error: failed. ";
  CHECK(gyre::testing::simulate(1, one, collect_and_throw()) == round + round + round);
}

RUNTIME_TEST("fork-join: memory used again while others look for its last children", "[runtime][fork_join]") {
  std::vector<any_task> kept;
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> dirty{0};
    const auto keep = [](any_task& out) -> coro<long> {
      out = current_task();
      co_return 3;
    };
    any_task first;
    any_task second;
    const auto [a, b] = co_await gather(keep(first), keep(second));
    kept.push_back(first);
    kept.push_back(second);
    const auto [c, d] = co_await gather(look(dirty), look(dirty));
    CHECK(a + b + c + d == 20);
    CHECK(dirty == 0);
  }
  for (const any_task& t : kept) CHECK(to_string(t).find("result=3") != std::string::npos);
}
