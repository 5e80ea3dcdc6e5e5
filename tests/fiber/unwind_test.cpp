// SPDX-License-Identifier: BSL-1.0
// Fibers that are destroyed while they wait: the stack is unwound, and nobody can stop that unseen.
#include "loop_test.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

struct note_at_end {
  explicit note_at_end(std::string& out, const char* what) : log(out), text(what) {}
  note_at_end(const note_at_end&) = delete;
  note_at_end& operator=(const note_at_end&) = delete;
  ~note_at_end() { log += text; }
  std::string& log;
  const char* text;
};

// Starts `body` as a fiber on a loop that is closed while it waits. Returns what the loop reported.
std::vector<std::string> close_while_waiting(const std::function<void()>& body) {
  std::vector<std::string> reports;
  const std::shared_ptr<event_loop> loop = new_event_loop();
  loop->set_exception_handler([&reports](event_loop&, const exception_context& context) {
    reports.push_back(context.message + " | " + context.details);
  });
  const auto amain = [](const std::function<void()>& f) -> coro<> {
    task_options options{.name = "left"};
    create_task(fiber(std::cref(f)), options);
    co_await settle(3);
  };
  loop->run_until_complete(amain(std::cref(body)));
  loop->close();
  return reports;
}

coro<> note_in_coroutine(std::string& log) {
  const note_at_end inner(log, "coroutine ");
  co_await sleep(1h);
}

}  // namespace

TEST_CASE("fiber: a loop that closes unwinds it, the innermost first", "[fiber][unwind]") {
  std::string log;
  const std::size_t stacks = fiber_stats().in_use;
  const auto reports = close_while_waiting([&log] {
    const note_at_end outer(log, "outer ");
    const auto deeper = [&log] {
      const note_at_end inner(log, "inner ");
      gyre::await(note_in_coroutine(log));
      log += "not here";
    };
    deeper();
  });
  CHECK(log == "coroutine inner outer ");
  CHECK(fiber_stats().in_use == stacks);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].rfind("Task was destroyed but it is pending!", 0) == 0);
}

TEST_CASE("fiber: handlers that rethrow, and those for other types, let the unwinding pass", "[fiber][unwind]") {
  std::string log;
  const auto reports = close_while_waiting([&log] {
    try {
      try {
        gyre::await(sleep(1h));
      } catch (const std::exception&) {
        log += "not here";
      } catch (const base_exception&) {
        log += "nor here";
      }
    } catch (...) {
      log += "passed";
      throw;
    }
  });
  CHECK(log == "passed");
  CHECK(reports.size() == 1);
}

TEST_CASE("fiber: one that waits in a handler is unwound from there", "[fiber][unwind]") {
  std::string log;
  const auto reports = close_while_waiting([&log] {
    try {
      throw std::runtime_error("first");
    } catch (const std::runtime_error& e) {
      const note_at_end here(log, e.what());
      try {
        gyre::await(sleep(1h));
      } catch (...) {
        log += "again ";
        throw;
      }
    }
  });
  CHECK(log == "again first");
  CHECK(reports.size() == 1);
}

TEST_CASE("fiber: one that catches its unwinding and returns is reported", "[fiber][unwind]") {
  const std::size_t stacks = fiber_stats().in_use;
  const auto reports = close_while_waiting([] {
    try {
      gyre::await(sleep(1h));
    } catch (...) {  // NOLINT: that is the mistake
    }
  });
  CHECK(fiber_stats().in_use == stacks);
  REQUIRE(reports.size() == 2);
  const std::string said = "the fiber of task 'left' caught its unwinding and went on: catch (...) must rethrow";
  CHECK(reports[1].rfind(said, 0) == 0);
  CHECK(reports[1].find("unwind_test.cpp:") != std::string::npos);
}

TEST_CASE("fiber: one that catches its unwinding and waits again is unwound again", "[fiber][unwind]") {
  std::string log;
  const fiber_counts before = fiber_stats();
  const auto reports = close_while_waiting([&log] {
    const note_at_end outer(log, "end");
    for (int i = 0; i < 3; ++i) {
      try {
        gyre::await(sleep(1h));
      } catch (...) {  // NOLINT
        log += "again ";
      }
    }
    gyre::await(sleep(1h));
    log += "not here";
  });
  CHECK(log == "again again again end");
  CHECK(fiber_stats().in_use == before.in_use);
  CHECK(fiber_stats().left_behind == before.left_behind);
  CHECK(reports.size() == 2);
}

TEST_CASE("fiber: one that never stops catching its unwinding is given up, with its stack", "[fiber][unwind]") {
  const fiber_counts before = fiber_stats();
  const auto reports = close_while_waiting([] {
    for (;;) {
      try {
        gyre::await(sleep(1h));
      } catch (...) {  // NOLINT
      }
    }
  });
  CHECK(fiber_stats().in_use == before.in_use);
  CHECK(fiber_stats().left_behind == before.left_behind + 1);
  REQUIRE(reports.size() == 2);
  CHECK(reports[1].find("its stack is left behind") != std::string::npos);
}

TEST_CASE("fiber: a destructor on the way of the unwinding cannot wait, and hears why", "[fiber][unwind]") {
  struct waits_at_end {
    explicit waits_at_end(std::string& out) : log(out) {}
    waits_at_end(const waits_at_end&) = delete;
    waits_at_end& operator=(const waits_at_end&) = delete;
    ~waits_at_end() {
      try {
        gyre::await(sleep(1ms));
      } catch (const error& e) {
        log = e.what();
      }
    }
    std::string& log;
  };
  std::string log;
  const auto reports = close_while_waiting([&log] {
    const waits_at_end closer(log);
    gyre::await(sleep(1h));
  });
  CHECK(log == "await: the fiber of task 'left' is being destroyed and cannot wait");
  CHECK(reports.size() == 1);
}

TEST_CASE("fiber: a child of a fork-join is unwound before its parent", "[fiber][unwind]") {
  for (const int loops : {1, 4}) {
    std::string log;
    const auto amain = [](std::string& out) -> coro<> {
      const auto stubborn = [](std::string& text, const char* name) {
        const note_at_end end(text, name);
        for (;;) {
          try {
            gyre::await(sleep(1h));
          } catch (const cancelled_error&) {
            gyre::await(sleep(1h));  // survives the cancel of the shutdown
          }
        }
      };
      const auto parent = [](auto child, std::string& text) -> coro<> {
        const note_at_end end(text, "parent");
        co_await gather(fiber(child, std::ref(text), "child "), fiber(child, std::ref(text), "child "));
      };
      get_running_loop().set_exception_handler([](event_loop&, const exception_context&) {});
      create_task(parent(stubborn, out));
      co_await sleep(1ms);
    };
    gyre::testing::simulate(1, run_options().loops(loops).shutdown_timeout(1s), amain(log));
    CHECK(log == "child child parent");
  }
}

LOOP_TEST("fiber: a generator that awaits one is closed with it", "[fiber][unwind]") {
  std::string log;
  const auto numbers = [](std::string& out) -> async_generator<int> {
    const auto body = [&out] {
      const note_at_end end(out, "unwound");
      gyre::await(sleep(1h));
    };
    co_await fiber(std::ref(body));
    co_yield 1;
  };
  {
    const auto consume = [](async_generator<int> all) -> coro<> { co_await all.next(); };
    task<> t = create_task(consume(numbers(log)));
    co_await settle(3);
    t.cancel();
    co_await outcome(t);
  }
  CHECK(log == "unwound");
}
