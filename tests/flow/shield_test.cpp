// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> await_future(future<int> f) { co_return co_await f; }

coro<int> give(int value) {
  co_await sleep(0ns);
  co_return value;
}

coro<int> fail() {
  co_await sleep(0ns);
  throw std::runtime_error("inside");
}

coro<> await_shield(task<int> inner, std::string& log) {
  const std::string how = co_await outcome(shield(inner));
  log += how + " ";
}

coro<std::unique_ptr<int>> owned() {
  co_await sleep(0ns);
  co_return std::make_unique<int>(2);
}

}  // namespace

LOOP_TEST("SHIELD-001: a shield has the result or the error of what it shields", "[flow][shield]") {
  const int value = co_await shield(give(3));
  CHECK(value == 3);
  const std::string how = co_await outcome(shield(fail()));
  CHECK(how == "error: inside");
}

LOOP_TEST("SHIELD-002: cancelling the waiting task leaves the shielded one alone", "[flow][shield]") {
  const future<int> f;
  std::string log;
  const task<int> inner = create_task(await_future(f));
  const task<> outer = create_task(await_shield(inner, log));
  co_await settle(3);
  outer.cancel();
  co_await outer;
  CHECK(log == "cancelled ");
  CHECK_FALSE(inner.done());
  CHECK(inner.cancelling() == 0);
  f.set_result(1);
  const int value = co_await inner;
  CHECK(value == 1);
}

LOOP_TEST("SHIELD-002: cancelling the shield itself leaves the shielded task alone", "[flow][shield]") {
  const future<int> f;
  const task<int> inner = create_task(await_future(f));
  const auto outer = shield(inner);
  CHECK(outer.cancel());
  CHECK(outer.cancelled());
  co_await settle(2);
  CHECK_FALSE(inner.done());
  f.set_result(1);
  co_await inner;
}

LOOP_TEST("SHIELD-004: a shield of something done is done", "[flow][shield]") {
  const future<int> f;
  f.set_result(8);
  const turn_probe turn;
  const int value = co_await shield(f);
  CHECK(value == 8);
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("SHIELD-004: what another loop ends while the shield is made ends the shield, too", "[flow][shield]") {
  const future<int> f;
  auto inner = detail::future_of(f, "shield");
  detail::home* const owner = detail::shield_home(*inner);
  f.set_result(8);
  using core = detail::core_ref<detail::future_core>;
  const shielded<int> outer(core(new detail::shield_of<int>(owner, std::move(inner))));
  const int value = co_await outer;
  CHECK(value == 8);
}

LOOP_TEST("SHIELD-005: a shielded task that others cancel cancels the shield", "[flow][shield]") {
  const future<int> f;
  const task<int> inner = create_task(await_future(f));
  const auto outer = shield(inner);
  co_await settle(2);
  inner.cancel();
  const std::string how = co_await outcome(outer);
  CHECK(how == "cancelled");
  CHECK(outer.cancelled());
}

LOOP_TEST("SHIELD-006: a cancelled shield takes its callback off", "[flow][shield]") {
  const future<int> f;
  const auto outer = shield(f);
  CHECK(to_string(f) == "<Future pending cb=[shield.<locals>._inner_done_callback()]>");
  outer.cancel();
  co_await settle(2);
  CHECK(to_string(f) == "<Future pending>");
}

LOOP_TEST("SHIELD-006: a shield that is cancelled when what it shields has just ended stays cancelled",
          "[flow][shield]") {
  const future<int> f;
  const auto outer = shield(f);
  f.set_result(1);  // its callback is on the way
  CHECK(outer.cancel());
  co_await settle(2);
  const std::string how = co_await outcome(outer);
  CHECK(how == "cancelled");
}

LOOP_TEST("SHIELD-007: a coroutine is started at the call", "[flow][shield]") {
  const auto outer = shield(give(1));
  CHECK(all_tasks().size() == 2);
  co_await settle(4);
  CHECK(outer.done());
  CHECK(outer.result() == 1);
}

TEST_CASE("SHIELD-007: a coroutine needs a running loop", "[flow][shield]") {
  CHECK_THROWS_AS(shield(give(1)), no_running_loop);
}

TEST_CASE("SHIELD-008: the end of run() cancels the shielded task itself", "[flow][shield]") {
  bool cancelled = false;
  const auto inner = [](bool& out) -> coro<int> {
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
      out = true;
      throw;
    }
    co_return 0;
  };
  const auto main = [](const auto& body, bool& out) -> coro<> {
    const auto outer = shield(body(out));
    co_await settle(2);
  };
  run(main(inner, cancelled), one_loop());
  CHECK(cancelled);
}

TEST_CASE("shield: cancelled when the loop of its task has closed, it takes nothing from others", "[flow][shield]") {
  const auto closed = std::make_shared<event_loop>();
  closed->set_exception_handler([](event_loop&, const exception_context&) {});
  const auto left = shield(closed->create_task(await_future(closed->create_future<int>())));
  closed->run_until_complete(closed->create_task(settle(2)));
  closed->close();
  const auto loop = std::make_shared<event_loop>();
  std::vector<shielded<int>> others;  // in the memory that the first one has given back
  for (int i = 0; i < 16; ++i) others.push_back(shield(loop->create_task(give(i))));
  CHECK(left.cancel());
  loop->run_until_complete(loop->create_task(settle()));
  for (int i = 0; i < 16; ++i) {
    REQUIRE(others[static_cast<std::size_t>(i)].done());
    CHECK(others[static_cast<std::size_t>(i)].result() == i);
  }
  loop->close();
}

LOOP_TEST("SHIELD-003: an error after the shield was cancelled is reported", "[flow][shield]") {
  report_catcher caught;
  const future<int> f;
  {
    const auto outer = shield(await_future(f));
    co_await settle(2);
    outer.cancel();
  }
  f.set_exception(std::runtime_error("nobody looks"));
  co_await settle(4);
  REQUIRE(caught.reports.size() == 1);
  CHECK(in_words(caught.reports.front().exception) == "error: nobody looks");
}

LOOP_TEST("shield: a move-only result is handed through", "[flow][shield]") {
  const std::unique_ptr<int> value = co_await shield(owned());
  REQUIRE(value != nullptr);
  CHECK(*value == 2);
}

LOOP_TEST("SHIELD-001: an error that a shield hands on counts as looked at", "[flow][shield]") {
  report_catcher caught;
  const std::string how = co_await outcome(shield(create_task(fail())));
  co_await settle();
  CHECK(how == "error: inside");
  CHECK(caught.reports.empty());
}
