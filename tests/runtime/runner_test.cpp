// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) { co_return value; }

coro<event_loop*> where() { co_return &get_running_loop(); }

coro<> forever(bool& cancelled) {
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    cancelled = true;
    throw;
  }
}

coro<> leave_behind(bool& cancelled) {
  static_cast<void>(create_task(forever(cancelled)));
  co_await settle(2);
}

}  // namespace

TEST_CASE("RUN-019: a runner makes its loop at the first use", "[runtime][runner]") {
  int calls = 0;
  const auto factory = [&calls] {
    ++calls;
    return new_event_loop();
  };
  runner r(one_loop().loop_factory(factory));
  CHECK(calls == 0);
  event_loop& loop = r.get_loop();
  CHECK(calls == 1);
  CHECK(r.run(where()) == &loop);
  CHECK(calls == 1);
}

TEST_CASE("RUN-020: a runner runs many mains on the same loop", "[runtime][runner]") {
  for (const int loops : {1, 4}) {
    runner r(run_options().loops(loops));
    event_loop* first = r.run(where());
    CHECK(r.run(where()) == first);
    for (int i = 0; i < 20; ++i) CHECK(r.run(give(i)) == i);
  }
}

TEST_CASE("RUN-020: tasks of one run go on in the next", "[runtime][runner]") {
  runner r(one_loop());
  std::string log;
  const auto slow = [](std::string& out) -> coro<> {
    co_await settle(3);
    out += "slow ";
  };
  const auto begin = [](auto body, std::string& out) -> coro<> {
    static_cast<void>(create_task(body(out)));
    co_return;
  };
  r.run(begin(slow, log));
  CHECK(log.empty());
  r.run(settle());
  CHECK(log == "slow ");
}

LOOP_TEST("RUN-024: run() from inside a running loop is refused", "[runtime][runner]") {
  runner r(one_loop());
  coro<int> body = give(1);
  CHECK_THROWS_AS(r.run(std::move(body)), already_running);
  co_return;
}

TEST_CASE("RUN-025: a closed runner refuses work", "[runtime][runner]") {
  runner r(one_loop());
  r.close();
  CHECK_THROWS_WITH(r.run(give(1)), "Runner is closed");
  CHECK_THROWS_WITH(r.get_loop(), "Runner is closed");
}

TEST_CASE("RUN-026: closing twice, or before anything ran, does nothing", "[runtime][runner]") {
  runner unused(one_loop());
  unused.close();
  unused.close();
  runner used(run_options().loops(2));
  CHECK(used.run(give(1)) == 1);
  used.close();
  used.close();
}

TEST_CASE("RUN-027: the end of a runner cancels what is left and closes the loop", "[runtime][runner]") {
  bool cancelled = false;
  std::shared_ptr<event_loop> made;
  {
    runner r(one_loop().loop_factory([&made] { return made = new_event_loop(); }));
    r.run(leave_behind(cancelled));
    CHECK_FALSE(cancelled);
    CHECK_FALSE(made->is_closed());
  }
  CHECK(cancelled);
  CHECK(made->is_closed());
}

TEST_CASE("RUN-027: the end of a runner of several loops cancels what is left", "[runtime][runner]") {
  std::atomic<int> started{0};
  std::atomic<int> cancelled{0};
  const auto forever_there = [](std::atomic<int>& begun, std::atomic<int>& count) -> coro<> {
    ++begun;
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
      ++count;
      throw;
    }
  };
  const auto main = [](auto body, std::atomic<int>& begun, std::atomic<int>& count) -> coro<> {
    for (int i = 0; i < 10; ++i) static_cast<void>(create_task(body(begun, count)));
    while (begun < 10) co_await sleep(0ns);
  };
  {
    runner r(run_options().loops(4));
    r.run(main(forever_there, started, cancelled));
  }
  CHECK(cancelled == 10);
}

TEST_CASE("RUN-021: all runs of a runner share one context", "[runtime][runner][context]") {
  const context_var<int> level("level", 0);
  const auto set = [](const context_var<int>& var, int n) -> coro<> {
    var.set(n);
    co_return;
  };
  const auto get = [](const context_var<int>& var) -> coro<int> { co_return var.get(); };
  runner r(one_loop());
  r.run(set(level, 5));
  CHECK(r.run(get(level)) == 5);
  CHECK(level.get() == 0);
}

TEST_CASE("RUN-022: a run may have a context of its own", "[runtime][runner][context]") {
  const context_var<int> level("level", 0);
  const auto set = [](const context_var<int>& var, int n) -> coro<> {
    var.set(n);
    co_return;
  };
  const auto get = [](const context_var<int>& var) -> coro<int> { co_return var.get(); };
  const context own;
  runner r(one_loop());
  r.run(set(level, 5), own);
  CHECK(own.get(level) == 5);
  CHECK(r.run(get(level)) == 0);
  CHECK(r.run(get(level), own) == 5);
}
