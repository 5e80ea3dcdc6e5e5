// SPDX-License-Identifier: BSL-1.0
// A cancel on its way through tasks that await each other: long chains, and circles. One task of each circle awaits in a time
// limit, or the circle is too long for it to be an error.
#include "loop_test.hpp"

#include <atomic>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> await_it(task<> t) { co_await t; }
coro<> await_later(future<task<>> f) {
  const task<> t = co_await f;
  co_await wait_for(t, 1h);
}
coro<> await_without_limit(future<task<>> f) {
  const task<> t = co_await f;
  co_await t;
}
coro<> await_by_gather(future<task<>> f) {
  const task<> t = co_await f;
  auto both = gather(t);
  co_await both;
}
coro<> await_by_shield(future<task<>> f) {
  const task<> t = co_await f;
  co_await shield(t);
}
coro<> swallow(future<task<>> f, int& swallowed) {
  const task<> t = co_await f;
  try {
    co_await wait_for(t, 1h);
  } catch (const cancelled_error&) {
    ++swallowed;
  }
}

}  // namespace

LOOP_TEST("cancel: through a chain of many tasks", "[core][cancel]") {
  static constexpr int length = 20'000;
  static constexpr auto leaf = [](future<> f) -> coro<> { co_await f; };
  std::vector<task<>> chain;
  chain.push_back(create_task(leaf, future<>()));
  for (int i = 1; i < length; ++i) chain.push_back(create_task(await_it(chain.back())));
  co_await settle();
  CHECK(chain.back().cancel("all"));
  CHECK(co_await outcome(chain.back()) == "cancelled: all");
  for (const auto& each : chain) {
    REQUIRE(each.cancelled());
    REQUIRE(each.cancelling() == 1);
  }
}

LOOP_TEST("cancel: two tasks that await each other end by it", "[core][cancel]") {
  const future<task<>> to_a;
  const future<task<>> to_b;
  const auto a = create_task(await_later(to_b));
  const auto b = create_task(await_later(to_a));
  to_a.set_result(a);
  to_b.set_result(b);
  co_await settle();
  CHECK(a.cancel());
  CHECK(a.cancelling() == 1);
  CHECK(b.cancelling() == 1);
  co_await settle();
  CHECK(a.cancelled());
  CHECK(b.cancelled());
}

LOOP_TEST("cancel: a circle through gather, and one in which a task goes on", "[core][cancel]") {
  const future<task<>> to_a;
  const future<task<>> to_b;
  int swallowed = 0;
  const auto a = create_task(swallow(to_b, swallowed));
  const auto b = create_task(await_by_gather(to_a));
  to_a.set_result(a);
  to_b.set_result(b);
  co_await settle();
  CHECK(b.cancel());
  co_await settle();
  CHECK(a.done());
  CHECK(b.done());
  CHECK(swallowed == 1);
}

LOOP_TEST("cancel: a shield in the circle keeps it out", "[core][cancel]") {
  const future<task<>> to_a;
  const future<task<>> to_b;
  const auto a = create_task(await_later(to_b));
  const auto b = create_task(await_by_shield(to_a));
  to_a.set_result(a);
  to_b.set_result(b);
  co_await settle();
  CHECK(a.cancel());  // goes to b, whose shield ends
  co_await settle();
  CHECK(b.cancelled());
  CHECK(a.cancelled());
}

LOOP_TEST("cancel: a circle of many", "[core][cancel]") {
  static constexpr int length = 350;
  const future<task<>> first;
  std::vector<task<>> all;
  all.push_back(create_task(await_without_limit(first)));
  for (int i = 1; i < length; ++i) all.push_back(create_task(await_it(all.back())));
  first.set_result(all.back());
  co_await settle();
  CHECK(all[120].cancel());
  co_await settle(length + 10);
  for (const auto& each : all) CHECK(each.cancelled());
}

namespace {

coro<> cancel_from_outside(int tail, int circle, coro<> (*close)(future<task<>>)) {
  const future<task<>> first;
  std::vector<task<>> all;
  all.push_back(create_task(close, first));
  const int length = tail + circle;
  for (int i = 1; i < length; ++i) {
    if (i == circle) first.set_result(all.back());
    all.push_back(create_task(await_it(all.back())));
  }
  co_await settle(length + 10);
  CHECK(all.back().cancel());
  co_await settle(length + 10);
  for (const auto& each : all) {
    REQUIRE(each.cancelled());
    REQUIRE(each.cancelling() == 1);
  }
}

}  // namespace

TEST_CASE("cancel: who awaits a circle through many others asks each task once", "[core][cancel]") {
  for (const int tail : {1, 50, 98, 101, 250}) {
    for (const int circle : {5, 99, 150, 350}) {
      INFO(tail << " tasks before a circle of " << circle);
      run(cancel_from_outside(tail, circle, await_later), one_loop());
      if (circle > 100) run(cancel_from_outside(tail, circle, await_by_gather), one_loop());
    }
  }
}

RUNTIME_TEST("cancel: circles whose tasks run on several loops, cancelled from all sides", "[core][cancel]") {
  for (int round = 0; round < 10; ++round) {
    const future<task<>> first;
    std::vector<task<>> all;
    all.push_back(create_task(await_later(first)));
    for (int i = 1; i < 5; ++i) all.push_back(create_task(await_it(all.back())));
    first.set_result(all.back());
    static constexpr auto cancels = [](task<> t) -> coro<> {
      co_await sleep(1us);
      t.cancel();
    };
    std::vector<task<>> cancellers;
    for (const std::size_t i : {0U, 2U, 4U}) cancellers.push_back(create_task(cancels, all[i]));
    for (const auto& each : cancellers) co_await each;
    for (const auto& each : all) {
      CHECK(co_await outcome(shield(each)) == "cancelled");
    }
  }
}

LOOP_TEST("cancel: the text of tasks in a circle ends where it closes", "[core][cancel]") {
  const future<task<>> first;
  std::vector<task<>> all;
  all.push_back(create_task(await_later(first)));
  for (int i = 1; i < 50; ++i) all.push_back(create_task(await_it(all.back())));
  first.set_result(all[1]);
  co_await settle();
  const std::string text = to_string(all.back());
  CHECK(text.find("wait_for=...") != std::string::npos);
  CHECK(text.size() < 20'000);
  all[0].cancel();
  co_await settle(60);
  for (const auto& each : all) CHECK(each.cancelled());
}

namespace {

coro<> cancel_itself_and_await(future<task<>> f, std::string& log) {
  const task<> t = co_await f;
  current_task().cancel("round");
  log = co_await outcome(t);
}

}  // namespace

LOOP_TEST("cancel: a request that a task passes on and that comes back to it is the task's own", "[core][cancel]") {
  const future<task<>> to_running;
  std::string log;
  const auto running = create_task(cancel_itself_and_await(to_running, log));
  const auto waiting = create_task(await_it(running));
  co_await settle();
  to_running.set_result(waiting);
  co_await settle();
  CHECK(log == "cancelled: round");
  CHECK(running.done());
  CHECK(waiting.done());
}

namespace {

coro<> swallow_in_sleep() {
  try {
    co_await sleep(24h);
  } catch (const cancelled_error&) {
  }
}

coro<> await_both(any_future a, any_future b) {
  auto both = gather(a, b);
  co_await both;
}

}  // namespace

LOOP_TEST("cancel: two ways to the same tasks are no circle, however deep they meet", "[core][cancel]") {
  static constexpr int length = 350;
  std::vector<task<>> chain;
  chain.push_back(create_task(swallow_in_sleep()));
  for (int i = 1; i < length; ++i) chain.push_back(create_task(await_it(chain.back())));
  const auto a = create_task(await_it(chain.back()));
  const auto b = create_task(await_it(chain.back()));
  const auto root = create_task(await_both(a, b));
  co_await settle(length + 10);
  CHECK(root.cancel());
  co_await settle(length + 10);
  CHECK(root.cancelled());  // a cancelled gather ends so
  int cancelled = 0;
  for (const auto& each : chain) cancelled += each.cancelled() ? 1 : 0;
  CHECK(cancelled == 0);  // the first one swallowed it: each got a value
  CHECK(a.done());
  CHECK_FALSE(a.cancelled());
}

namespace {

struct family {
  future<task<>> parent;
  std::vector<any_task> children;
  any_task who_awaits_parent;
  int seen = 0;
};

coro<> await_parent(family& f) {
  f.children.push_back(f.who_awaits_parent = current_task());
  const task<> parent = co_await f.parent;
  co_await parent;
}

coro<> count_cancels(family& f) {
  f.children.push_back(current_task());
  try {
    co_await sleep(24h);
  } catch (const cancelled_error&) {
    ++f.seen;
  }
}

coro<> fork(family& f) { static_cast<void>(co_await gather(count_cancels(f), await_parent(f), count_cancels(f))); }

coro<> cancel_family(bool the_parent) {
  family f;
  const task<> parent = create_task(fork(f));
  co_await sleep(1ms);  // the clock moves when all of them wait
  f.parent.set_result(parent);
  co_await sleep(1ms);
  CHECK((the_parent ? any_task(parent) : f.who_awaits_parent).cancel());
  static_cast<void>(co_await wait(parent));
  co_await sleep(1ms);  // the first child that ended let the parent go on
  CHECK(parent.cancelled());
  CHECK(parent.cancelling() == 1);
  for (const any_task& each : f.children) CHECK(each.cancelling() == 1);
  CHECK(f.seen == 2);
}

}  // namespace

TEST_CASE("cancel: a child that awaits the parent of its fork-join: every task is asked once", "[core][cancel]") {
  for (const int loops : {1, 2}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      INFO(loops << " loops, seed " << seed);
      const auto options = run_options().loops(loops).order(run_order::fork_join);
      gyre::testing::simulate(seed, options, cancel_family(true));
      gyre::testing::simulate(seed, options, cancel_family(false));
    }
  }
}

namespace {

/// A future that refuses to be cancelled. Asked for that, it first lets a chain of tasks end on another loop.
class ends_a_chain final : public detail::future_core {
 public:
  ends_a_chain(future<> chain_awaits, const std::atomic<bool>& ended)
      : future_core(&detail::running_home("a test"), result_), chain_awaits_(std::move(chain_awaits)), ended_(ended) {}

  bool cancel(std::string_view) override {
    chain_awaits_.set_result();
    while (!ended_) std::this_thread::yield();
    return false;
  }
  void append_result(std::string& out) const override { out += "..."; }

 private:
  ~ends_a_chain() override = default;

  detail::result_slot<unit> result_;
  future<> chain_awaits_;
  const std::atomic<bool>& ended_;
};

coro<> until_it_waits(any_task t) {
  while (to_string(t).find("wait_for=") == std::string::npos) co_await sleep(1ms);
}

coro<> await_and_wait(task<> t, std::atomic<bool>& resumed, future<> never) {
  co_await t;
  resumed = true;
  co_await never;
}

/// The request has gone through a hundred tasks, and what they await ends before it gets any deeper: it is for the first of
/// them that has not ended.
coro<> cancel_a_chain_that_ends() {
  static constexpr int length = 300;
  static constexpr int ends = 250;  // counted from the deepest
  static constexpr auto leaf = [](future<> f) -> coro<> { co_await f; };
  std::atomic<bool> resumed = false;
  const future<> first;
  const future<> never;
  std::vector<task<>> chain;
  chain.push_back(create_task(leaf, first));
  while (chain.size() < ends) chain.push_back(create_task(await_it(chain.back())));
  chain.push_back(create_task(await_and_wait(chain.back(), resumed, never)));
  while (chain.size() < length) chain.push_back(create_task(await_it(chain.back())));
  const future<> rival(detail::core_ref<detail::future_core>(new ends_a_chain(first, resumed)));
  const auto root = create_task(await_both(chain.back(), rival));
  for (const auto& each : chain) co_await until_it_waits(each);
  co_await until_it_waits(root);
  CHECK(root.cancel("now"));
  try {
    never.set_result();  // too late
  } catch (const invalid_state_error&) {
  }
  static_cast<void>(co_await wait(chain.back()));
  CHECK(chain[ends - 1].done());
  CHECK_FALSE(chain[ends - 1].cancelled());
  for (std::size_t i = ends; i < length; ++i) CHECK(chain[i].cancelled());
  rival.set_exception(std::make_exception_ptr(std::runtime_error("late")));
  static_cast<void>(co_await outcome(root));
}

}  // namespace

TEST_CASE("cancel: a request for the end of a long chain that has gone goes to who awaits it", "[core][cancel]") {
  run(cancel_a_chain_that_ends(), run_options().loops(2).order(run_order::fork_join));
}

namespace {

/// A future that asks for something of its own when it is cancelled, as a destructor may.
class asks_for_more final : public detail::future_core {
 public:
  explicit asks_for_more(any_task more)
      : future_core(&detail::running_home("a test"), result_), more_(std::move(more)) {}

  bool cancel(std::string_view message) override {
    if (!std::exchange(asked_, true)) made = more_.cancel("more");
    return future_core::cancel(message);
  }
  void append_result(std::string& out) const override { out += "..."; }

  bool made = false;

 private:
  ~asks_for_more() override = default;

  detail::result_slot<unit> result_;
  any_task more_;
  bool asked_ = false;
};

coro<> await_it(future<> f) { co_await f; }

/// The parent is asked again while its children are getting the first request.
coro<> cancel_and_ask_for_more() {
  static constexpr auto parent = [](future<task<>> self, bool& made) -> coro<> {
    const detail::core_ref<asks_for_more> both(new asks_for_more(co_await self));
    const future<> awaited(detail::core_ref<detail::future_core>::share(*both));
    try {
      co_await gather(await_it(awaited), await_it(future<>()));
    } catch (const cancelled_error&) {
      made = both->made;
    }
  };
  bool made = false;
  const future<task<>> self;
  const auto t = create_task(parent, self, std::ref(made));
  self.set_result(t);
  co_await settle();
  CHECK(t.cancel("first"));
  co_await t;
  CHECK(made);
  CHECK(t.cancelling() == 2);
}

}  // namespace

TEST_CASE("cancel: what asks for a task inside another cancel of it has made a request", "[core][cancel]") {
  gyre::testing::simulate(1, run_options().loops(1).order(run_order::fork_join), cancel_and_ask_for_more());
}
