// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <memory>
#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

async_generator<int> count_to(int n, std::string& log) {
  for (int i = 1; i <= n; ++i) {
    co_await sleep(0ns);
    co_yield i;
  }
  log += "ended ";
}

struct noisy {
  explicit noisy(std::string& out) : log(out) {}
  noisy(const noisy&) = delete;
  noisy& operator=(const noisy&) = delete;
  ~noisy() { log += "destroyed "; }
  std::string& log;
};

async_generator<int> with_cleanup(std::string& log) {
  const noisy guard(log);
  std::exception_ptr exit;
  try {
    co_yield 1;
    co_yield 2;
  } catch (...) {
    exit = std::current_exception();
  }
  co_await sleep(0ns);
  log += "cleaned ";
  if (exit != nullptr) std::rethrow_exception(exit);
}

async_generator<int> stubborn() {
  try {
    co_yield 1;
  } catch (...) {
  }
  co_yield 2;
}

async_generator<int> failing() {
  co_yield 1;
  throw std::runtime_error("in generator");
}

async_generator<std::unique_ptr<int>> owned() {
  co_yield std::make_unique<int>(1);
  co_yield std::make_unique<int>(2);
}

async_generator<int> waiting(future<int> f) {
  const int value = co_await f;
  co_yield value;
}

coro<> take_one(async_generator<int>& values, std::string& log) {
  std::exception_ptr error;
  try {
    const std::optional<int> value = co_await values.next();
    log += value ? std::to_string(*value) + " " : std::string("none ");
  } catch (...) {
    error = std::current_exception();
  }
  if (error != nullptr) log += in_words(error) + " ";
}

}  // namespace

LOOP_TEST("AGEN-001: items come in order, with awaits in between", "[core][async_generator]") {
  std::string log;
  async_generator<int> values = count_to(3, log);
  while (const std::optional<int> value = co_await values.next()) log += std::to_string(*value) + " ";
  CHECK(log == "1 2 3 ended ");
  const std::optional<int> after = co_await values.next();
  CHECK_FALSE(after.has_value());
}

LOOP_TEST("AGEN-001: for_each calls a function or awaits a coroutine for each item", "[core][async_generator]") {
  std::string log;
  int sum = 0;
  co_await for_each(count_to(3, log), [&sum](int value) { sum += value; });
  CHECK(sum == 6);
  const auto body = [&sum](int value) -> coro<> {
    co_await sleep(0ns);
    sum += value;
  };
  co_await for_each(count_to(2, log), body);
  CHECK(sum == 9);
}

LOOP_TEST("AGEN-002: aclose() runs the clean-up at the suspended yield", "[core][async_generator]") {
  std::string log;
  async_generator<int> values = with_cleanup(log);
  static_cast<void>(co_await values.next());
  CHECK(log.empty());
  co_await values.aclose();
  CHECK(log == "cleaned destroyed ");
  co_await values.aclose();
  const std::optional<int> after = co_await values.next();
  CHECK_FALSE(after.has_value());
}

LOOP_TEST("AGEN-002: aclose() before the first item runs nothing", "[core][async_generator]") {
  std::string log;
  async_generator<int> values = with_cleanup(log);
  co_await values.aclose();
  const std::optional<int> after = co_await values.next();
  CHECK_FALSE(after.has_value());
  CHECK(log.empty());
}

LOOP_TEST("AGEN-002: aclose() refuses a generator that goes on", "[core][async_generator]") {
  async_generator<int> values = stubborn();
  static_cast<void>(co_await values.next());
  const std::string how = co_await outcome(values.aclose());
  CHECK(how == "error: async generator ignored aclose()");
}

LOOP_TEST("AGEN-003: a generator dropped in the middle destroys its locals", "[core][async_generator]") {
  std::string log;
  {
    async_generator<int> values = with_cleanup(log);
    static_cast<void>(co_await values.next());
  }
  CHECK(log == "destroyed ");
}

LOOP_TEST("AGEN-005: two consumers at the same time are refused", "[core][async_generator]") {
  std::string log;
  const future<int> f;
  async_generator<int> values = waiting(f);
  const task<> first = create_task(take_one(values, log));
  const task<> second = create_task(take_one(values, log));
  co_await settle(2);
  CHECK(log == "error: anext(): asynchronous generator is already running ");
  f.set_result(5);
  co_await first;
  co_await second;
  CHECK(log == "error: anext(): asynchronous generator is already running 5 ");
}

LOOP_TEST("async_generator: an exception comes out once, then it has ended", "[core][async_generator]") {
  async_generator<int> values = failing();
  static_cast<void>(co_await values.next());
  std::string how;
  try {
    static_cast<void>(co_await values.next());
  } catch (const std::runtime_error& e) {
    how = e.what();
  }
  CHECK(how == "in generator");
  const std::optional<int> after = co_await values.next();
  CHECK_FALSE(after.has_value());
}

LOOP_TEST("async_generator: items may be move-only", "[core][async_generator]") {
  async_generator<std::unique_ptr<int>> values = owned();
  int sum = 0;
  while (const std::optional<std::unique_ptr<int>> value = co_await values.next()) sum += **value;
  CHECK(sum == 3);
}

LOOP_TEST("async_generator: a cancel of the consumer arrives inside the generator", "[core][async_generator]") {
  std::string log;
  const future<int> f;
  async_generator<int> values = waiting(f);
  const task<> consumer = create_task(take_one(values, log));
  co_await settle(2);
  consumer.cancel();
  co_await consumer;
  CHECK(f.cancelled());
  CHECK(log == "cancelled ");
}
