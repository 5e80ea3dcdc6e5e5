// SPDX-License-Identifier: BSL-1.0
// A timeout_scope that outlives its block, because somebody else owns it.
#include "loop_test.hpp"

#include <memory>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> wait_for_ever() { co_await sleep(24h); }

// Runs a loop until a task is in its block, and closes it: the task is destroyed there.
template <class Block>
void abandon_in(Block block, std::shared_ptr<timeout_scope>& kept) {
  const auto loop = new_event_loop();
  const report_catcher caught(*loop);
  loop->create_task(block(kept));
  loop->run_until_complete(settle(3));
  REQUIRE(kept != nullptr);
  CHECK(to_string(*kept).rfind("<Timeout [active]", 0) == 0);
  loop->close();
  CHECK(caught.reports.size() == 1);
}

}  // namespace

TEST_CASE("timeout: a scope that somebody else owns may outlive its task and its loop", "[flow][timeout]") {
  const auto block = [](std::shared_ptr<timeout_scope>& scope) -> coro<> {
    scope = std::make_shared<timeout_scope>(1h);
    co_await with(*scope, [] { return wait_for_ever(); });
  };
  std::shared_ptr<timeout_scope> kept;
  abandon_in(block, kept);
  CHECK_FALSE(kept->expired());
  CHECK(to_string(*kept) == "<Timeout [finished]>");
  CHECK_THROWS_WITH(kept->reschedule(std::nullopt), "Cannot change state of finished Timeout");
  kept.reset();
}

TEST_CASE("timeout: the same for a scope that was entered by hand", "[flow][timeout]") {
  const auto block = [](std::shared_ptr<timeout_scope>& scope) -> coro<> {
    scope = std::make_shared<timeout_scope>(1h);
    timeout_scope& entered = co_await scope->aenter();
    std::exception_ptr error;
    try {
      co_await wait_for_ever();
    } catch (...) {
      error = std::current_exception();
    }
    static_cast<void>(co_await entered.aexit(error));
  };
  std::shared_ptr<timeout_scope> kept;
  abandon_in(block, kept);
  kept.reset();
}

TEST_CASE("timeout: the same for one whose deadline has passed, and whose block goes on", "[flow][timeout]") {
  const auto block = [](std::shared_ptr<timeout_scope>& scope, event& passed) -> coro<> {
    const auto outlasts = [](event& seen) -> coro<> {
      try {
        co_await wait_for_ever();
      } catch (const cancelled_error&) {
        seen.set();
      }
      co_await wait_for_ever();
    };
    scope = std::make_shared<timeout_scope>(1ns);
    co_await with(*scope, [&] { return outlasts(passed); });
  };
  const auto until_set = [](event& e) -> coro<> { co_await e.wait(); };
  std::shared_ptr<timeout_scope> kept;
  event passed;
  const auto loop = new_event_loop();
  const report_catcher caught(*loop);
  loop->create_task(block(kept, passed));
  loop->run_until_complete(until_set(passed));
  CHECK(to_string(*kept).rfind("<Timeout [expiring]", 0) == 0);
  loop->close();
  CHECK(to_string(*kept) == "<Timeout [expired]>");
}

TEST_CASE("timeout: a scope of a task of a runtime that has ended", "[flow][timeout]") {
  for (const int loops : {1, 4}) {
    std::shared_ptr<timeout_scope> kept;
    const auto stubborn = [](std::shared_ptr<timeout_scope>& scope) -> coro<> {
      scope = std::make_shared<timeout_scope>(1h);
      const auto body = []() -> coro<> {
        for (;;) {
          try {
            co_await sleep(24h);
          } catch (const cancelled_error&) {
          }
        }
      };
      co_await with(*scope, body);
    };
    const auto main = [](auto body, std::shared_ptr<timeout_scope>& scope) -> coro<> {
      get_running_loop().set_exception_handler([](event_loop&, const exception_context&) {});
      const task_options here{.pin = true};
      create_task(here, body, std::ref(scope));
      co_await settle(3);
    };
    testing::simulate(1, run_options().loops(loops).shutdown_timeout(1ms), main(stubborn, kept));
    REQUIRE(kept != nullptr);
    CHECK_THROWS_AS(kept->reschedule(std::nullopt), error);
    kept.reset();
  }
}

namespace {

// Scopes that have been left are kept beyond their deadlines, one of which was moved.
coro<std::string> go_on_past_deadlines() {
  timeout_scope one(1ms);
  timeout_scope other(1h);
  timeout_scope by_hand(1ms);
  co_await with(one, []() -> coro<> { co_return; });
  co_await with(other, [](timeout_scope& scope) -> coro<> {
    scope.reschedule(get_running_loop().now() + 1ms);
    co_return;
  });
  co_await by_hand.aenter();
  co_await by_hand.aexit(nullptr);
  co_await sleep(3ms);
  co_return to_string(one) + to_string(other) + to_string(by_hand);
}

coro<> see_them_finished() {
  const task<std::string> goes_on = create_task(go_on_past_deadlines());
  const std::string end = co_await outcome(goes_on);
  CHECK(end == "<Timeout [finished]><Timeout [finished]><Timeout [finished]>");
  CHECK(goes_on.cancelling() == 0);
}

}  // namespace

LOOP_TEST("timeout: the deadline of a scope that was left cancels nobody", "[flow][timeout]") {
  co_await see_them_finished();
}

RUNTIME_TEST("timeout: the deadline of a scope that was left cancels nobody, unpinned", "[flow][timeout]") {
  co_await see_them_finished();
}
