// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <memory>
#include <optional>
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

async_generator<int> keeping(std::shared_ptr<int> kept) {
  static_cast<void>(kept);
  co_yield 1;
  co_yield 2;
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

LOOP_TEST("AGEN-003: a generator dropped unfinished is closed by its loop, in a task", "[core][async_generator]") {
  std::string log;
  {
    async_generator<int> values = with_cleanup(log);
    static_cast<void>(co_await values.next());
  }
  CHECK(log.empty());
  co_await settle();
  CHECK(log == "cleaned destroyed ");
}

LOOP_TEST("AGEN-003: one that was never begun, or has ended, just goes", "[core][async_generator]") {
  std::string log;
  {
    async_generator<int> fresh = with_cleanup(log);
    async_generator<int> ended = count_to(1, log);
    while (co_await ended.next()) {
    }
  }
  CHECK(log == "ended ");
  CHECK(all_tasks().size() == 1);
}

LOOP_TEST("AGEN-003: an error of the clean-up of a dropped generator is reported", "[core][async_generator]") {
  const auto angry = []() -> async_generator<int> {
    try {
      co_yield 1;
    } catch (...) {
    }
    throw std::runtime_error("in the clean-up");
  };
  report_catcher caught;
  {
    async_generator<int> values = angry();
    static_cast<void>(co_await values.next());
  }
  co_await settle();
  REQUIRE(caught.reports.size() == 1);
  CHECK(caught.reports[0].message.rfind("an error occurred during closing of asynchronous generator <async_generator",
                                        0) == 0);
  CHECK(in_words(caught.reports[0].exception) == "error: in the clean-up");
}

TEST_CASE("AGEN-003: a generator dropped in another thread is closed by its loop", "[core][async_generator]") {
  std::string log;
  const auto main = [](std::string& out) -> coro<> {
    auto values = std::make_unique<async_generator<int>>(with_cleanup(out));
    static_cast<void>(co_await values->next());
    co_await to_thread([&values] { values.reset(); });
    while (out.empty()) co_await sleep(1ms);
  };
  run(main(log), one_loop());
  CHECK(log == "cleaned destroyed ");
}

LOOP_TEST("AGEN-004: shutdown_asyncgens() closes all that are open, and reports errors", "[core][async_generator]") {
  std::string log;
  report_catcher caught;
  async_generator<int> a = with_cleanup(log);
  async_generator<int> b = stubborn();
  async_generator<int> c = with_cleanup(log);
  static_cast<void>(co_await a.next());
  static_cast<void>(co_await b.next());
  static_cast<void>(co_await c.next());
  co_await get_running_loop().shutdown_asyncgens();
  CHECK(log == "cleaned destroyed cleaned destroyed ");
  REQUIRE(caught.reports.size() == 1);
  CHECK(in_words(caught.reports[0].exception) == "error: async generator ignored aclose()");
  const std::optional<int> after = co_await a.next();
  CHECK_FALSE(after.has_value());

  async_generator<int> late = count_to(2, log);
  static_cast<void>(co_await late.next());
  REQUIRE(caught.reports.size() == 2);
  CHECK(caught.reports[1].message.find("after shutdown_asyncgens()") != std::string::npos);
  co_await late.aclose();
}

LOOP_TEST("AGEN-004: a generator that is dropped before its loop begins to close it is freed",
          "[core][async_generator]") {
  const auto kept = std::make_shared<int>(1);
  std::optional<async_generator<int>> values(keeping(kept));
  static_cast<void>(co_await values->next());
  const task<> closing = create_task(get_running_loop().shutdown_asyncgens());
  get_running_loop().call_soon([&values] { values.reset(); });
  co_await closing;
  co_await settle();
  CHECK(kept.use_count() == 1);
}

TEST_CASE("AGEN-003: a generator that is dropped while its loop stands still goes with the loop",
          "[core][async_generator]") {
  const auto kept = std::make_shared<int>(1);
  const auto loop = new_event_loop();
  const auto take_one = [](async_generator<int>& values) -> coro<> { static_cast<void>(co_await values.next()); };
  std::optional<async_generator<int>> values(keeping(kept));
  loop->run_until_complete(take_one(*values));
  values.reset();
  CHECK(kept.use_count() == 2);
  loop->close();
  CHECK(kept.use_count() == 1);
}

TEST_CASE("RUN-016: after the tasks the generators are closed, then the executor is joined",
          "[core][async_generator]") {
  for (const int loops : {1, 4}) {
    std::string log;
    std::unique_ptr<async_generator<int>> kept;
    const auto main = [](std::string& out, std::unique_ptr<async_generator<int>>& generator) -> coro<> {
      const auto leftover = [](std::string& text) -> coro<> {
        std::exception_ptr cancelled;
        try {
          co_await sleep(1h);
        } catch (...) {
          cancelled = std::current_exception();
        }
        co_await sleep(1ms);
        text += "task ";
        std::rethrow_exception(cancelled);
      };
      generator = std::make_unique<async_generator<int>>(with_cleanup(out));
      static_cast<void>(co_await generator->next());
      create_task(leftover, std::ref(out));
      co_await sleep(1ms);
    };
    run(main(log, kept), run_options().loops(loops));
    CHECK(log == "task cleaned destroyed ");
  }
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
