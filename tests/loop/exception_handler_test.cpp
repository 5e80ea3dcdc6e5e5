// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include "stderr_catcher.hpp"

#include <memory>
#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

void run_once(event_loop& loop) {
  loop.stop();
  loop.run_forever();
}

}  // namespace

TEST_CASE("FAULT-21, LOOP-029: an exception in a callback is reported and the loop goes on",
          "[loop][exception_handler]") {
  const auto loop = new_event_loop();
  const report_catcher caught(*loop);
  bool next = false;
  loop->call_soon([] { throw std::runtime_error("broken"); });
  loop->call_soon([&next] { next = true; });
  run_once(*loop);
  CHECK(next);
  REQUIRE(caught.reports.size() == 1);
  CHECK(caught.reports.front().message.rfind("Exception in callback", 0) == 0);
  CHECK(in_words(caught.reports.front().exception) == "error: broken");
}

TEST_CASE("LOOP-029: an exception in a timer is reported and the loop goes on", "[loop][exception_handler]") {
  const auto loop = new_event_loop();
  const report_catcher caught(*loop);
  loop->call_later(-1ms, [] { throw 42; });
  run_once(*loop);
  REQUIRE(caught.reports.size() == 1);
  CHECK(caught.reports.front().exception != nullptr);
}

TEST_CASE("LOOP-030: the handler gets its loop and the context", "[loop][exception_handler]") {
  const auto loop = new_event_loop();
  event_loop* given = nullptr;
  std::string message;
  loop->set_exception_handler([&](event_loop& l, const exception_context& context) {
    given = &l;
    message = context.message;
  });
  loop->call_exception_handler(exception_context("by hand"));
  CHECK(given == loop.get());
  CHECK(message == "by hand");
  loop->set_exception_handler({});
  loop->call_exception_handler(exception_context("to stderr, by the default handler"));
  CHECK(message == "by hand");
}

TEST_CASE("FAULT-22, LOOP-031: a handler that throws does not stop the loop", "[loop][exception_handler]") {
  const auto loop = new_event_loop();
  loop->set_exception_handler(
      [](event_loop&, const exception_context&) { throw std::runtime_error("in the handler"); });
  bool next = false;
  loop->call_soon([] { throw std::runtime_error("in the callback"); });
  loop->call_soon([&next] { next = true; });
  run_once(*loop);
  CHECK(next);
}

TEST_CASE("exception handler: it may replace itself", "[loop][exception_handler]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->set_exception_handler([&log](event_loop& l, const exception_context&) {
    log += "first ";
    l.set_exception_handler([&log](event_loop&, const exception_context&) { log += "second "; });
  });
  loop->call_exception_handler(exception_context("a"));
  loop->call_exception_handler(exception_context("b"));
  CHECK(log == "first second ");
}

LOOP_TEST("LOOP-029: the context names the callback, the task or the future", "[loop][exception_handler]") {
  event_loop& loop = get_running_loop();
  report_catcher caught;
  const handle broken = loop.call_soon([] { throw std::runtime_error("broken"); });
  co_await settle(2);
  REQUIRE(caught.reports.size() == 1);
  REQUIRE(caught.reports[0].handle);
  CHECK(*caught.reports[0].handle == broken);
  CHECK_FALSE(caught.reports[0].task);

  const auto fail = []() -> coro<> {
    throw std::runtime_error("unseen");
    co_return;
  };
  task_options named{.name = "failing"};
  create_task(named, fail);
  co_await settle(2);
  REQUIRE(caught.reports.size() == 2);
  REQUIRE(caught.reports[1].task);
  CHECK(caught.reports[1].task.get_name() == "failing");

  {
    const future<int> f;
    f.set_exception(std::runtime_error("unseen"));
  }
  REQUIRE(caught.reports.size() == 3);
  CHECK(caught.reports[2].future);
  CHECK_FALSE(caught.reports[2].task);
}

LOOP_TEST("LOOP-029: a future that the handler keeps lives on, and is not reported again",
          "[loop][exception_handler]") {
  report_catcher caught;
  {
    const future<int> f;
    f.set_exception(std::runtime_error("unseen"));
  }
  REQUIRE(caught.reports.size() == 1);
  const any_future kept = caught.reports[0].future;
  caught.reports.clear();
  CHECK(in_words(kept.exception()) == "error: unseen");
  CHECK(caught.reports.empty());
  co_return;
}

LOOP_TEST("LOOP-033: the handler runs in the context of what is reported", "[loop][exception_handler]") {
  const context_var<int> level("level", 0);
  std::string log;
  event_loop& loop = get_running_loop();
  loop.set_exception_handler([&](event_loop&, const exception_context& c) {
    log += c.message.substr(0, 9) + " " + std::to_string(level.get()) + ", ";
  });
  const auto fail = [](const context_var<int>& var) -> coro<> {
    var.set(2);
    throw std::runtime_error("unseen");
    co_return;
  };
  level.set(1);
  loop.call_soon([] { throw std::runtime_error("broken"); });
  create_task(fail, std::cref(level));
  level.set(3);
  co_await settle(3);
  loop.set_exception_handler({});
  CHECK(log == "Exception 1, Task exce 2, ");
}

LOOP_TEST("LOOP-045: the text of handles", "[loop][handle]") {
  event_loop& loop = get_running_loop();
  const handle soon = loop.call_soon([] {});
  CHECK(to_string(soon) == "<Handle callback()>");
  soon.cancel();
  CHECK(to_string(soon) == "<Handle cancelled>");
  const timer_handle later = loop.call_at(event_loop::time_point(1500ms), [] {});
  CHECK(to_string(later) == "<TimerHandle when=1.5 callback()>");
  later.cancel();
  CHECK(to_string(later) == "<TimerHandle cancelled when=1.5>");
  co_return;
}

TEST_CASE("LOOP-032: the default handler prints the message, then the other keys in their order",
          "[loop][exception_handler]") {
  const auto loop = new_event_loop();
  exception_context context("something went wrong");
  context.details = "<Handle callback()>";
  context.exception = std::make_exception_ptr(std::runtime_error("because"));
  stderr_catcher printed;
  loop->default_exception_handler(context);
  CHECK(printed.text() == "something went wrong\n  <Handle callback()>\n  std::runtime_error('because')\n");
}
