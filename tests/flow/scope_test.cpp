// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

/// Notes when it is entered and left, and what the body ended with.
class scope {
 public:
  scope(std::string& log, bool swallow) : log_(log), swallow_(swallow) {}
  coro<int> aenter() {
    co_await sleep(0ns);
    log_ += "enter ";
    co_return 5;
  }
  coro<bool> aexit(std::exception_ptr error) {
    co_await sleep(0ns);
    log_ += "exit(" + in_words(error) + ") ";
    co_return swallow_;
  }

 private:
  std::string& log_;
  bool swallow_;
};

async_generator<int> managed(std::string& log, bool swallow) {
  log += "enter ";
  co_await sleep(0ns);
  std::exception_ptr error;
  try {
    co_yield 7;
  } catch (...) {
    error = std::current_exception();
  }
  co_await sleep(0ns);
  log += "exit(" + in_words(error) + ") ";
  if (error != nullptr && !swallow) std::rethrow_exception(error);
}

async_generator<int> never_yields() { co_return; }

async_generator<int> yields_twice() {
  co_yield 1;
  co_yield 2;
}

generator<int> managed_sync(std::string& log) {
  log += "enter ";
  try {
    co_yield 3;
  } catch (const std::runtime_error& e) {
    log += std::string("swallowed ") + e.what() + " ";
  }
  log += "exit ";
}

coro<int> fail() {
  throw std::runtime_error("body");
  co_return 0;
}

coro<> in_scope(std::string& log, future<int> f) {
  scope s(log, false);
  const auto body = [&f]() -> coro<> { static_cast<void>(co_await f); };
  co_await with(s, body);
}

}  // namespace

LOOP_TEST("AGEN-006: enter is awaited before the body, exit after it", "[flow][with]") {
  std::string log;
  scope s(log, false);
  const auto body = [&log](int value) -> coro<int> {
    log += "body" + std::to_string(value) + " ";
    co_return value + 1;
  };
  const int result = co_await with(s, body);
  CHECK(result == 6);
  CHECK(log == "enter body5 exit(no error) ");
}

LOOP_TEST("AGEN-006: exit runs when the body throws", "[flow][with]") {
  std::string log;
  scope s(log, false);
  const std::string how = co_await outcome(with(s, [] { return fail(); }));
  CHECK(how == "error: body");
  CHECK(log == "enter exit(error: body) ");
}

LOOP_TEST("AGEN-006: exit runs when the body is cancelled", "[flow][with]") {
  std::string log;
  const future<int> f;
  const task<> t = create_task(in_scope(log, f));
  co_await settle();
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(log == "enter exit(cancelled) ");
}

LOOP_TEST("AGEN-007: exit may swallow the error", "[flow][with]") {
  std::string log;
  scope s(log, true);
  const int result = co_await with(s, [] { return fail(); });
  CHECK(result == 0);
  CHECK(log == "enter exit(error: body) ");
}

LOOP_TEST("AGEN-006: a temporary scope lives until the end", "[flow][with]") {
  std::string log;
  const auto body = [&log]() -> coro<> {
    co_await sleep(0ns);
    log += "body ";
  };
  co_await with(scope(log, false), body);
  CHECK(log == "enter body exit(no error) ");
}

LOOP_TEST("AGEN-009: an async context manager enters before its yield and exits after it", "[flow][with]") {
  std::string log;
  const auto make = async_context_manager(managed);
  const auto body = [&log](int value) -> coro<> {
    log += "body" + std::to_string(value) + " ";
    co_return;
  };
  auto entered = make(log, false);
  co_await with(entered, body);
  CHECK(log == "enter body7 exit(no error) ");
}

LOOP_TEST("AGEN-009: the body's error arises at the yield", "[flow][with]") {
  std::string log;
  const auto make = async_context_manager(managed);
  const std::string how = co_await outcome(with(make(log, false), [] { return fail(); }));
  CHECK(how == "error: body");
  CHECK(log == "enter exit(error: body) ");
}

LOOP_TEST("AGEN-009: an async context manager may swallow the error", "[flow][with]") {
  std::string log;
  const auto make = async_context_manager(managed);
  const int result = co_await with(make(log, true), [] { return fail(); });
  CHECK(result == 0);
  CHECK(log == "enter exit(error: body) ");
}

LOOP_TEST("AGEN-010: a manager that yields never or twice is an error", "[flow][with]") {
  const auto nothing = []() -> coro<> { co_return; };
  const std::string never = co_await outcome(with(async_context_manager(never_yields)(), nothing));
  CHECK(never == "error: generator didn't yield");
  const std::string twice = co_await outcome(with(async_context_manager(yields_twice)(), nothing));
  CHECK(twice == "error: generator didn't stop");
}

LOOP_TEST("with: a lock is held inside the body and released after it", "[flow][with]") {
  lock l;
  const auto body = [&l]() -> coro<bool> {
    co_await sleep(0ns);
    co_return l.locked();
  };
  const bool held = co_await with(l, body);
  CHECK(held);
  CHECK_FALSE(l.locked());
  const std::string how = co_await outcome(with(l, [] { return fail(); }));
  CHECK(how == "error: body");
  CHECK_FALSE(l.locked());
}

LOOP_TEST("with: a semaphore gives its permit back", "[flow][with]") {
  semaphore s(1);
  const auto body = [&s]() -> coro<bool> { co_return s.locked(); };
  const bool held = co_await with(s, body);
  CHECK(held);
  CHECK_FALSE(s.locked());
}

TEST_CASE("with_sync: a context manager of a generator", "[flow][with]") {
  std::string log;
  const auto make = context_manager(managed_sync);
  auto first = make(log);
  const int result = with_sync(first, [&log](int value) {
    log += "body ";
    return value * 2;
  });
  CHECK(result == 6);
  CHECK(log == "enter body exit ");
  log.clear();
  auto second = make(log);
  with_sync(second, [](int) { throw std::runtime_error("oops"); });
  CHECK(log == "enter swallowed oops exit ");
  log.clear();
  auto third = make(log);
  CHECK_THROWS_AS(with_sync(third, [](int) { throw 1; }), int);
}

LOOP_TEST("AGEN-008: the way out may be cancelled itself", "[flow][with]") {
  class slow_exit {
   public:
    coro<> aenter() { co_return; }
    coro<bool> aexit(std::exception_ptr) {
      co_await sleep(1h);
      co_return false;
    }
  };
  const auto body = [](bool& reached) -> coro<> {
    slow_exit scope;
    const auto inside = [&reached]() -> coro<> {
      reached = true;
      co_return;
    };
    co_await with(scope, inside);
  };
  bool reached = false;
  const task<> t = create_task(body, std::ref(reached));
  co_await settle(3);
  CHECK(reached);
  CHECK_FALSE(t.done());
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
}
