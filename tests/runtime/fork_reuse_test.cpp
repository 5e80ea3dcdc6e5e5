// SPDX-License-Identifier: BSL-1.0
// The memory of a gather that ran as a fork-join serves the next one: nothing of the last children may be left in it.
#include "loop_test.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
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

// The two kinds of blocks.
enum class kind { tuple, vector };

coro<std::pair<long, long>> gather_two(kind k, coro<long> one, coro<long> two) {
  if (k == kind::tuple) {
    const auto [a, b] = co_await gather(std::move(one), std::move(two));
    co_return std::pair(a, b);
  }
  std::vector<coro<long>> both;
  both.push_back(std::move(one));
  both.push_back(std::move(two));
  const std::vector<long> values = co_await gather(std::move(both));
  co_return std::pair(values.at(0), values.at(1));
}

coro<> gather_and_forget(kind k, trace_left what, lock& shared) {
  try {
    static_cast<void>(co_await gather_two(k, leave(what, shared), leave(what, shared)));
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

coro<int> look_round(kind k) {
  std::atomic<int> dirty{0};
  const auto [a, b] = co_await gather_two(k, look(dirty), look(dirty));
  if (a != 7 || b != 7) ++dirty;
  const auto [c, d] = co_await gather_two(k, just_end(), just_end());
  if (c != 7 || d != 7) ++dirty;
  co_return dirty;
}

}  // namespace

TEST_CASE("fork-join: memory used again holds nothing of the last children", "[runtime][fork_join]") {
  const kind k = GENERATE(kind::tuple, kind::vector);
  const trace_left all[] = {trace_left::none,       trace_left::variable,         trace_left::error,
                            trace_left::name,       trace_left::cancel_with_text, trace_left::held_lock,
                            trace_left::open_cancel};
  const auto body = [](kind both, const trace_left* first, const trace_left* last) -> coro<int> {
    lock shared;
    int dirty = 0;
    for (int round = 0; round < 3; ++round) {
      for (const trace_left* what = first; what != last; ++what) {
        co_await gather_and_forget(both, *what, shared);
        dirty += co_await look_round(both);
      }
    }
    co_return dirty;
  };
  CHECK(gyre::run(body(k, std::begin(all), std::end(all)), run_options().loops(1).order(run_order::fork_join)) == 0);
}

TEST_CASE("fork-join: a child does not hold the locks of the last one in its place", "[runtime][fork_join]") {
  const kind k = GENERATE(kind::tuple, kind::vector);
  track_lock_holders();
  static constexpr auto take_for_good = [](lock& l) -> coro<long> {
    co_await l.acquire();
    co_return 0;
  };
  static constexpr auto take = [](lock& l) -> coro<> { co_await l.acquire(); };
  static constexpr auto look_at_holder = [](std::string& out) -> coro<long> {
    for (const wait_graph_node& each : capture_wait_graph(get_running_loop()).tasks) {
      if (each.waits_for == wait_subject::lock) out = each.holder;
    }
    co_return 0;
  };
  const auto body = [](kind both) -> coro<> {
    lock first;
    lock second;
    static_cast<void>(co_await gather_two(both, take_for_good(first), take_for_good(second)));
    for (lock* each : {&first, &second}) {
      const task<> waits = create_task(take, std::ref(*each));
      co_await sleep(0ns);
      std::string seen;
      std::string also_seen;
      static_cast<void>(co_await gather_two(both, look_at_holder(seen), look_at_holder(also_seen)));
      CHECK(seen == "a task that has ended");
      CHECK(also_seen == "a task that has ended");
      each->release();
      co_await waits;
      each->release();
    }
  };
  gyre::run(body(k), run_options().loops(1).order(run_order::fork_join));
}

TEST_CASE("fork-join: results lie where their type wants them", "[runtime][fork_join]") {
  static std::atomic<int> astray{0};
  struct alignas(alignof(std::max_align_t)) wide {
    explicit wide(long v) noexcept : value(v) { note(); }
    wide(const wide& other) noexcept : value(other.value) { note(); }
    void note() const noexcept {
      if (reinterpret_cast<std::uintptr_t>(this) % alignof(wide) != 0) ++astray;
    }
    long value;
  };
  static constexpr auto make = [](long v) -> coro<wide> { co_return wide(v); };
  static constexpr auto body = []() -> coro<long> {
    long sum = 0;
    for (const std::size_t n : {1U, 2U, 3U, 4U, 5U, 9U, 40U, 2U, 3U}) {
      std::vector<coro<wide>> all;
      for (std::size_t i = 0; i < n; ++i) all.push_back(make(1));
      for (const wide& each : co_await gather(std::move(all))) sum += each.value;
    }
    co_return sum;
  };
  CHECK(gyre::run(body(), run_options().loops(1).order(run_order::fork_join)) == 69);
  CHECK(astray == 0);
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
