// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

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

TEST_CASE("LOOP-029: an exception in a callback is reported and the loop goes on", "[loop][exception_handler]") {
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

TEST_CASE("LOOP-031: a handler that throws does not stop the loop", "[loop][exception_handler]") {
  const auto loop = new_event_loop();
  loop->set_exception_handler([](event_loop&, const exception_context&) { throw std::runtime_error("in the handler"); });
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
