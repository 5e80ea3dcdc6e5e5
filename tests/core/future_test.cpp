// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <gyre/core/future_core.hpp>

#include <memory>
#include <optional>
#include <stdexcept>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> await_into(future<int> f, std::string& log, const char* name) {
  const std::string how = co_await outcome(std::move(f));
  log += std::string(name) + "=" + how + " ";
}

/// Tries to take another node back when it is told of the end.
class taking_back final : public detail::completion_node {
 public:
  taking_back() noexcept : completion_node(&told, &never_queued, kind) {}
  taking_back* other = nullptr;
  bool took_it = false;
  int times_told = 0;

 private:
  static constexpr detail::node_kind kind{"taking_back"};
  static void told(detail::completion_node& node, detail::future_core& done) noexcept {
    auto& self = static_cast<taking_back&>(node);
    ++self.times_told;
    if (self.other != nullptr) self.took_it = done.remove(*self.other);
  }
  static void never_queued(detail::runnable&, fate) noexcept {}
};

}  // namespace

LOOP_TEST("FUT-001: a new future is pending", "[core][future]") {
  const future<int> f;
  CHECK_FALSE(f.done());
  CHECK_FALSE(f.cancelled());
  co_return;
}

LOOP_TEST("FUT-002: the result of a pending future is not there", "[core][future]") {
  const future<int> f;
  CHECK_THROWS_AS(f.result(), invalid_state_error);
  CHECK_THROWS_AS(f.exception(), invalid_state_error);
  co_return;
}

LOOP_TEST("FUT-003: a result that was set is given every time", "[core][future]") {
  const future<int> f;
  f.set_result(7);
  CHECK(f.done());
  CHECK_FALSE(f.cancelled());
  CHECK(f.result() == 7);
  CHECK(f.result() == 7);
  CHECK(f.exception() == nullptr);
  co_return;
}

LOOP_TEST("FUT-004: an exception that was set is thrown by result() and returned by exception()", "[core][future]") {
  const future<int> f;
  f.set_exception(std::runtime_error("broken"));
  CHECK(f.done());
  CHECK_THROWS_WITH(f.result(), "broken");
  CHECK(in_words(f.exception()) == "error: broken");
  co_return;
}

LOOP_TEST("FAULT-09, FUT-005: a done future refuses another result and keeps its own", "[core][future]") {
  const future<int> f;
  f.set_result(7);
  CHECK_THROWS_AS(f.set_result(8), invalid_state_error);
  CHECK_THROWS_AS(f.set_exception(std::runtime_error("late")), invalid_state_error);
  CHECK(f.result() == 7);
  const future<int> gone;
  gone.cancel();
  CHECK_THROWS_AS(gone.set_result(8), invalid_state_error);
  CHECK(gone.cancelled());
  co_return;
}

LOOP_TEST("FUT-006: cancel() ends a pending future, once", "[core][future]") {
  const future<int> f;
  CHECK(f.cancel());
  CHECK(f.cancelled());
  CHECK(f.done());
  CHECK_FALSE(f.cancel());
  const future<int> finished;
  finished.set_result(1);
  CHECK_FALSE(finished.cancel());
  CHECK_FALSE(finished.cancelled());
  co_return;
}

LOOP_TEST("FUT-007: result() and exception() of a cancelled future throw cancelled_error", "[core][future]") {
  const future<int> f;
  f.cancel();
  CHECK_THROWS_AS(f.result(), cancelled_error);
  CHECK_THROWS_AS(f.exception(), cancelled_error);
  co_return;
}

LOOP_TEST("FUT-008: the message of a cancel reaches who awaits", "[core][future]") {
  const future<int> f;
  std::string log;
  const task<> waiter = create_task(await_into(f, log, "a"));
  co_await settle();
  f.cancel("why");
  co_await waiter;
  CHECK(log == "a=cancelled: why ");
}

LOOP_TEST("FUT-009: callbacks are never called from inside set_result", "[core][future]") {
  const future<int> f;
  bool called = false;
  f.add_done_callback([&called](const future<int>&) { called = true; });
  f.set_result(1);
  CHECK_FALSE(called);
  co_await settle(1);
  CHECK(called);
}

LOOP_TEST("FUT-009: callbacks are never called from inside cancel", "[core][future]") {
  const future<int> f;
  bool called = false;
  f.add_done_callback([&called](const future<int>& done) { called = done.cancelled(); });
  f.cancel();
  CHECK_FALSE(called);
  co_await settle(1);
  CHECK(called);
}

LOOP_TEST("FUT-010: callbacks run in the order of registration, with the future", "[core][future]") {
  const future<int> f;
  std::string log;
  for (int i = 0; i < 3; ++i) {
    f.add_done_callback(
        [&log, i](const future<int>& done) { log += std::to_string(i) + ":" + std::to_string(done.result()) + " "; });
  }
  f.set_result(9);
  co_await settle(1);
  CHECK(log == "0:9 1:9 2:9 ");
}

LOOP_TEST("FUT-011: a callback added to a done future is queued", "[core][future]") {
  const future<int> f;
  f.set_result(1);
  bool called = false;
  f.add_done_callback([&called](const future<int>&) { called = true; });
  CHECK_FALSE(called);
  co_await settle(1);
  CHECK(called);
}

LOOP_TEST("FUT-012: a callback that was taken back is not called", "[core][future]") {
  const future<int> f;
  std::string log;
  const auto first = f.add_done_callback([&log](const future<int>&) { log += "first "; });
  f.add_done_callback([&log](const future<int>&) { log += "second "; });
  CHECK(f.remove_done_callback(first) == 1);
  CHECK(f.remove_done_callback(first) == 0);
  f.set_result(1);
  co_await settle(1);
  CHECK(log == "second ");
}

LOOP_TEST("FUT-013: callbacks may add callbacks while they run", "[core][future]") {
  const future<int> f;
  std::string log;
  f.add_done_callback([&log](const future<int>& done) {
    log += "outer ";
    done.add_done_callback([&log](const future<int>&) { log += "inner "; });
  });
  f.add_done_callback([&log](const future<int>&) { log += "last "; });
  f.set_result(1);
  co_await settle(2);
  CHECK(log == "outer last inner ");
}

LOOP_TEST("FUT-014: a callback that is queued already is not withdrawn", "[core][future]") {
  const future<int> f;
  bool called = false;
  const auto id = f.add_done_callback([&called](const future<int>&) { called = true; });
  f.set_result(1);
  CHECK(f.remove_done_callback(id) == 0);
  co_await settle(1);
  CHECK(called);
}

LOOP_TEST("FAULT-21, FUT-016: a callback that throws is reported, and the others run", "[core][future]") {
  report_catcher caught;
  const future<int> f;
  bool called = false;
  f.add_done_callback([](const future<int>&) { throw std::runtime_error("in callback"); });
  f.add_done_callback([&called](const future<int>&) { called = true; });
  f.set_result(1);
  co_await settle(2);
  CHECK(called);
  REQUIRE(caught.reports.size() == 1);
  CHECK(caught.reports.front().message == "Exception in callback");
  CHECK(in_words(caught.reports.front().exception) == "error: in callback");
}

LOOP_TEST("FUT-017: awaiting a done future does not suspend", "[core][future]") {
  const future<int> f;
  f.set_result(3);
  const turn_probe turn;
  const int value = co_await f;
  CHECK(value == 3);
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("FUT-018: many tasks may await one future, in the order in which they came", "[core][future]") {
  const future<int> f;
  std::string log;
  std::vector<task<>> waiters;
  for (const char* name : {"a", "b", "c"}) waiters.push_back(create_task(await_into(f, log, name)));
  co_await settle();
  f.set_result(4);
  co_await gather(waiters);
  CHECK(log == "a=4 b=4 c=4 ");
}

LOOP_TEST("FUT-018: each of many waiters gets the exception", "[core][future]") {
  const future<int> f;
  std::string log;
  std::vector<task<>> waiters;
  for (const char* name : {"a", "b"}) waiters.push_back(create_task(await_into(f, log, name)));
  co_await settle();
  f.set_exception(std::runtime_error("x"));
  co_await gather(waiters);
  CHECK(log == "a=error: x b=error: x ");
}

LOOP_TEST("FUT-019: a finished future may be awaited again", "[core][future]") {
  const future<std::string> f;
  f.set_result("text");
  const std::string once = co_await f;
  const std::string again = co_await f;
  CHECK(once == "text");
  CHECK(again == "text");
}

LOOP_TEST("FUT-021: an exception that nobody retrieved is reported when the future goes", "[core][future]") {
  report_catcher caught;
  {
    const future<int> f;
    f.set_exception(std::runtime_error("unseen"));
  }
  REQUIRE(caught.reports.size() == 1);
  CHECK(caught.reports.front().message == "Future exception was never retrieved");
  CHECK(in_words(caught.reports.front().exception) == "error: unseen");
  CHECK(caught.reports.front().details == "<Future finished exception=std::runtime_error('unseen')>");
  co_return;
}

LOOP_TEST("FUT-022: result(), exception(), an await or cancel() retrieve the exception", "[core][future]") {
  report_catcher caught;
  {
    const future<int> by_result;
    by_result.set_exception(std::runtime_error("x"));
    CHECK_THROWS(by_result.result());
    const future<int> by_exception;
    by_exception.set_exception(std::runtime_error("x"));
    CHECK(by_exception.exception() != nullptr);
    const future<int> by_await;
    by_await.set_exception(std::runtime_error("x"));
    const std::string how = co_await outcome(by_await);
    CHECK(how == "error: x");
    const future<int> by_cancel;
    by_cancel.set_exception(std::runtime_error("x"));
    CHECK_FALSE(by_cancel.cancel());
  }
  CHECK(caught.reports.empty());
}

LOOP_TEST("FUT-023: a result that nobody took, or a future left pending, is no report", "[core][future]") {
  report_catcher caught;
  {
    const future<int> finished;
    finished.set_result(1);
    const future<int> abandoned;
    const future<int> gone;
    gone.cancel();
  }
  CHECK(caught.reports.empty());
  co_return;
}

LOOP_TEST("FUT-010: a callback may take its future by reference", "[core][future]") {
  const future<int> f;
  int seen = 0;
  f.add_done_callback([&seen](auto& done) { seen = done.result(); });
  f.set_result(5);
  co_await settle();
  CHECK(seen == 5);
}

LOOP_TEST("FUT-024: get_loop() gives the loop of the future", "[core][future]") {
  const future<int> f;
  CHECK(&f.get_loop() == &get_running_loop());
  co_return;
}

TEST_CASE("FUT-024: a future without a running loop needs one named", "[core][future]") {
  CHECK_THROWS_AS(future<int>(), no_running_loop);
  const std::shared_ptr<event_loop> loop = new_event_loop();
  const future<int> f = loop->create_future<int>();
  CHECK(&f.get_loop() == loop.get());
  loop->close();
  CHECK_THROWS_AS(f.get_loop(), loop_closed);
}

LOOP_TEST("FUT-025: the text shows state, result and exception", "[core][future]") {
  const future<int> pending;
  CHECK(to_string(pending) == "<Future pending>");
  const future<int> finished;
  finished.set_result(4);
  CHECK(to_string(finished) == "<Future finished result=4>");
  const future<std::string> text;
  text.set_result("it's");
  CHECK(to_string(text) == "<Future finished result=\"it's\">");
  const future<void> empty;
  empty.set_result();
  CHECK(to_string(empty) == "<Future finished result=None>");
  const future<int> gone;
  gone.cancel();
  CHECK(to_string(gone) == "<Future cancelled>");
  const future<int> failed;
  failed.set_exception(timeout_error());
  CHECK(to_string(failed) == "<Future finished exception=TimeoutError('timed out')>");
  CHECK(failed.exception() != nullptr);
  co_return;
}

LOOP_TEST("FUT-025: the text shows one callback, two, or the first and the last", "[core][future]") {
  const future<int> f;
  const auto nothing = [](const future<int>&) {};
  f.add_done_callback(nothing);
  CHECK(to_string(f) == "<Future pending cb=[callback()]>");
  f.add_done_callback(nothing);
  CHECK(to_string(f) == "<Future pending cb=[callback(), callback()]>");
  f.add_done_callback(nothing);
  f.add_done_callback(nothing);
  CHECK(to_string(f) == "<Future pending cb=[callback(), <2 more>, callback()]>");
  co_return;
}

LOOP_TEST("FUT-030: ensure_future makes a task of a coroutine and leaves futures as they are", "[core][future]") {
  const future<int> f;
  const future<int> same = ensure_future(f);
  CHECK(f == same);
  std::string log;
  const task<> made = ensure_future(await_into(f, log, "t"));
  const task<> again = ensure_future(made);
  CHECK(made == again);
  f.set_result(1);
  co_await made;
  CHECK(log == "t=1 ");
}

LOOP_TEST("future: a move-only result is taken once", "[core][future]") {
  const future<std::unique_ptr<int>> f;
  f.set_result(std::make_unique<int>(5));
  const std::unique_ptr<int> taken = co_await f;
  REQUIRE(taken != nullptr);
  CHECK(*taken == 5);
  CHECK_THROWS_AS(f.result(), invalid_state_error);
}

LOOP_TEST("FUT-004: set_exception with a cancelled_error is a failure, not a cancellation", "[core][future]") {
  const future<int> f;
  f.set_exception(cancelled_error("by hand"));
  CHECK(f.done());
  CHECK_FALSE(f.cancelled());
  CHECK(in_words(f.exception()) == "cancelled: by hand");
  CHECK_THROWS_AS(f.result(), cancelled_error);
  const std::string how = co_await outcome(f);
  CHECK(how == "cancelled: by hand");
}

LOOP_TEST("FUT-005: set_exception of nothing is refused, on a done future as done", "[core][future]") {
  const future<int> f;
  CHECK_THROWS_AS(f.set_exception(nullptr), value_error);
  CHECK_FALSE(f.done());
  f.set_result(1);
  CHECK_THROWS_AS(f.set_exception(nullptr), invalid_state_error);
  co_return;
}

LOOP_TEST("future: an empty handle says so", "[core][future]") {
  const future<int> nothing(nullptr);
  CHECK_FALSE(static_cast<bool>(nothing));
  CHECK_THROWS_AS(nothing.done(), invalid_state_error);
  co_return;
}

LOOP_TEST("FUT-015: a callback runs in the context captured at registration, or in the one passed",
          "[core][future][context]") {
  const context_var<int> level("level", 0);
  const context given;
  given.run([&level] { level.set(9); });
  std::string log;
  const future<int> f;
  level.set(1);
  f.add_done_callback([&](const future<int>&) { log += std::to_string(level.get()) + " "; });
  f.add_done_callback([&](const future<int>&) { log += std::to_string(level.get()) + " "; }, given);
  level.set(2);
  f.set_result(0);
  co_await settle(2);
  CHECK(log == "1 9 ");
}

LOOP_TEST("FUT-026: the text of futures that wait for each other ends", "[core][future][text]") {
  const future<int> gate;
  const auto waits = [](future<int> f) -> coro<int> { co_return co_await f; };
  task_options options{.name = "waiter"};
  const task<int> a = create_task(options, waits, gate);
  const auto waits_for_task = [](task<int> t) -> coro<int> { co_return co_await t; };
  const task<int> b = create_task(waits_for_task, a);
  co_await settle(2);
  const std::string text = to_string(b);
  CHECK(text.find("name='waiter'") != std::string::npos);
  CHECK(text.size() < 1000);
  CHECK(to_string(gate).rfind("<Future pending cb=[", 0) == 0);
  gate.set_result(1);
  co_await gather(a, b);
}

TEST_CASE("FUT-029: futures and tasks are futures, other things are not", "[core][future]") {
  CHECK(is_future_v<future<int>>);
  CHECK(is_future_v<task<>>);
  CHECK_FALSE(is_future_v<int>);
  CHECK_FALSE(is_future_v<coro<int>>);
  CHECK_FALSE(is_future_v<event>);
  CHECK(is_coro_v<coro<int>>);
}

LOOP_TEST("future: what it has begun to tell of its end cannot be taken back", "[core][future]") {
  const future<int> f;
  taking_back first;
  taking_back second;
  first.other = &second;
  detail::future_core& core = f.core("test");
  REQUIRE(core.add(first));
  REQUIRE(core.add(second));
  f.set_result(1);
  CHECK(first.times_told == 1);
  CHECK_FALSE(first.took_it);
  CHECK(second.times_told == 1);
  co_return;
}

LOOP_TEST("future: one of a loop that is gone cannot be awaited", "[core][future]") {
  std::optional<future<int>> f;
  {
    const auto other = new_event_loop();
    f = other->create_future<int>();
    other->close();
  }
  const std::string how = co_await outcome(*f);
  CHECK(how == "error: co_await: the future belongs to a loop that is gone (in task 'Task-1')");
}
