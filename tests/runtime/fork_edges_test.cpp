// SPDX-License-Identifier: BSL-1.0
// The edges of a gather that runs as a fork-join: what an error leaves behind, cancels before a child's first step and in its
// last one, where the parent goes on, what a runtime that stops leaves of it.
#include "at_end.hpp"
#include "loop_test.hpp"
#include "spoil.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) { co_return value; }

coro<int> give_later(int value, int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return value;
}

coro<std::shared_ptr<int>> share(std::shared_ptr<int> value) { co_return value; }

coro<std::shared_ptr<int>> fail_to_share(int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  throw std::runtime_error("failed");
}

coro<std::shared_ptr<int>> wait_with(std::shared_ptr<int> kept, std::atomic<int>& begun) {
  ++begun;
  while (kept != nullptr) {
    try {
      co_await future<int>();
    } catch (const cancelled_error&) {  // nothing ends it
    }
  }
  co_return kept;
}

coro<> leave_an_orphan(std::shared_ptr<int> kept, std::atomic<int>& begun) {
  try {
    static_cast<void>(co_await gather(wait_with(kept, begun), fail_to_share(1)));
  } catch (const std::runtime_error&) {
  }
}

coro<> wait_for_children(std::shared_ptr<int> kept, std::atomic<int>& begun) {
  static_cast<void>(co_await gather(share(kept), wait_with(kept, begun)));
}

coro<> keep(std::shared_ptr<at_end> kept, std::atomic<int>& begun) {
  ++begun;
  while (kept != nullptr) {
    try {
      co_await future<int>();
    } catch (const cancelled_error&) {  // nothing ends it
    }
  }
}

using shown_future = std::shared_ptr<std::optional<future<int>>>;

/// Waits for a future that it shows; after a cancel for the next one.
coro<int> wait_for_shown(shown_future shown, std::atomic<int>& begun) {
  ++begun;
  for (;;) {
    *shown = get_running_loop().create_future<int>();
    try {
      static_cast<void>(co_await **shown);
    } catch (const cancelled_error&) {  // nothing ends it
    }
  }
}

coro<> gather_shown(shown_future one, shown_future other, std::atomic<int>& begun) {
  std::vector<coro<int>> both;
  both.push_back(wait_for_shown(std::move(one), begun));
  both.push_back(wait_for_shown(std::move(other), begun));
  static_cast<void>(co_await gather(std::move(both)));
}

coro<std::size_t> count_tasks() { co_return all_tasks().size(); }

// What does not end by a cancel is destroyed.
run_options stubborn_loops() { return run_options().loops(2).shutdown_timeout(1ms); }

void be_silent(runtime& r) {
  for (int i = 0; i < r.loop_count(); ++i) {
    r.loop(i).set_exception_handler([](event_loop&, const exception_context&) {});
  }
}

coro<int> cancel_itself() {
  current_task().cancel();
  co_return 1;
}

/// Cancels the other tasks but `parent`, and ends then or goes on for a turn.
coro<int> cancel_siblings(any_task parent, int turns) {
  const any_task me = current_task();
  for (const any_task& each : all_tasks()) {
    if (!(each == me) && !(each == parent)) each.cancel();
  }
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return 1;
}

coro<int> note_begin(std::atomic<int>& begun) {
  ++begun;
  co_return 1;
}

run_options one_loop_of_forks() { return run_options().loops(1).order(run_order::fork_join); }

}  // namespace

RUNTIME_TEST("fork-join: after an error nothing is kept of what the others gave", "[runtime][fork_join]") {
  for (const int turns : {0, 3}) {
    const auto kept = std::make_shared<int>(1);
    const std::string how = co_await outcome(gather(share(kept), fail_to_share(turns), share(kept)));
    CHECK(how == "error: failed");
    while (kept.use_count() > 1) co_await sleep(0ns);  // the last of them frees it, whenever its thread comes to that
  }
}

RUNTIME_TEST("fork-join: a child that returns while a cancel is pending fails the gather", "[runtime][fork_join]") {
  const std::string how = co_await outcome(gather(give(1), cancel_itself()));
  CHECK(how == "cancelled");
}

TEST_CASE("fork-join: a child that is cancelled before its first step never runs its body", "[runtime][fork_join]") {
  const auto gathers = [](std::atomic<int>& begun, int turns) -> coro<std::string> {
    const any_task me = current_task();
    co_return co_await outcome(gather(cancel_siblings(me, turns), note_begin(begun), note_begin(begun)));
  };
  const auto main = [](auto body, std::atomic<int>& begun, int turns) -> coro<std::string> {
    task<std::string> t = create_task(body, std::ref(begun), turns);
    const std::string how = co_await outcome(t);
    co_return how;
  };
  for (const int turns : {0, 2}) {
    std::atomic<int> begun{0};
    run(main(gathers, begun, turns), one_loop_of_forks());
    CHECK(begun == 0);
  }
}

RUNTIME_TEST("fork-join: main goes on where it was, whichever loop its last child ends on", "[runtime][fork_join]") {
  const event_loop* const here = &get_running_loop();
  int elsewhere = 0;
  for (int round = 0; round < 10; ++round) {
    std::vector<coro<int>> bodies;
    for (int i = 0; i < 10; ++i) bodies.push_back(give_later(1, i % 4));
    static_cast<void>(co_await gather(std::move(bodies)));
    if (&get_running_loop() != here) ++elsewhere;
  }
  CHECK(elsewhere == 0);
}

TEST_CASE("fork-join: a child that ends the program does so although its parent takes the error",
          "[runtime][fork_join]") {
  static constexpr auto leave = []() -> coro<int> {
    co_await sleep(0ns);
    throw system_exit(3);
  };
  static constexpr auto body = []() -> coro<> {
    try {
      static_cast<void>(co_await gather(leave(), give(1)));
    } catch (const system_exit&) {
    }
    for (;;) co_await sleep(0ns);
  };
  static constexpr auto in_a_task = []() -> coro<> { co_await create_task(body); };
  for (const int loops : {1, 2}) {
    INFO(loops << " loops");
    CHECK_THROWS_AS(run(in_a_task(), run_options().loops(loops).order(run_order::fork_join)), system_exit);
    CHECK_THROWS_AS(run(body(), run_options().loops(loops).order(run_order::fork_join)), system_exit);
  }
}

TEST_CASE("fork-join: a runtime that stops keeps nothing of children whose gather has failed", "[runtime][fork_join]") {
  const auto kept = std::make_shared<int>(1);
  std::atomic<int> begun{0};
  {
    runtime r(stubborn_loops());
    be_silent(r);
    run_coroutine_threadsafe(leave_an_orphan(kept, begun), r).result();
    r.stop();
  }
  CHECK(begun == 1);
  CHECK(kept.use_count() == 1);
}

TEST_CASE("fork-join: a runtime that stops keeps nothing of a gather whose children had handles",
          "[runtime][fork_join]") {
  const auto kept = std::make_shared<int>(1);
  std::atomic<int> begun{0};
  {
    runtime r(stubborn_loops());
    be_silent(r);
    const auto waits = run_coroutine_threadsafe(wait_for_children(kept, begun), r);
    while (begun == 0) std::this_thread::yield();
    while (run_coroutine_threadsafe(count_tasks(), r).result() < 3) {
    }
    r.stop();
  }
  CHECK(kept.use_count() == 1);
}

TEST_CASE("fork-join: an abandoned child that another abandoned task has woken leaves the ring before it goes",
          "[runtime][fork_join]") {
  bool spoilt = false;
  std::atomic<int> begun{0};
  const auto one = std::make_shared<std::optional<future<int>>>();
  const auto other = std::make_shared<std::optional<future<int>>>();
  auto spoils = std::make_shared<at_end>([&] {
    spoil_free_memory();
    spoilt = true;
  });
  auto wakes = std::make_shared<at_end>([one, other] {
    (*one)->set_result(1);
    (*other)->set_result(1);
  });
  runtime r(one_loop_of_forks().shutdown_timeout(1ms));
  be_silent(r);
  run_coroutine_threadsafe(keep(std::move(spoils), begun), r);  // destroyed last
  run_coroutine_threadsafe(gather_shown(one, other, begun), r);
  run_coroutine_threadsafe(keep(std::move(wakes), begun), r);  // destroyed first
  while (begun < 4) std::this_thread::yield();
  r.stop();
  CHECK(spoilt);
}

namespace {

coro<> nest(int depth, future<> leaf) {
  if (depth == 0) {
    co_await leaf;
  } else {
    co_await gather(nest(depth - 1, leaf));
  }
}

coro<std::size_t> look_at_nest(future<> leaf) {
  const std::size_t seen = all_tasks().size();
  leaf.set_result();
  co_return seen;
}

coro<std::size_t> count_nest(int depth) {
  const future<> leaf;
  const auto [nothing, seen] = co_await gather(nest(depth, leaf), look_at_nest(leaf));
  co_return seen;
}

}  // namespace

TEST_CASE("fork-join: all_tasks() lists gathers inside each other, however deep", "[runtime][fork_join]") {
  static constexpr int depth = 200'000;
  CHECK(run(count_nest(depth), one_loop_of_forks()) == depth + 3);  // and main, the leaf, who looks
}
