// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> give(int value) { co_return value; }

coro<int> fail(const char* what) {
  throw std::runtime_error(what);
  co_return 0;
}

coro<> sleep_long(std::string& log, const char* name) {
  std::exception_ptr error;
  try {
    co_await sleep(1h);
  } catch (...) {
    error = std::current_exception();
  }
  log += std::string(name) + ":" + in_words(error) + " ";
  if (error != nullptr) std::rethrow_exception(error);
}

coro<> clean_slowly(std::string& log) {
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    log += "cancelled ";
  }
  co_await sleep(2ms);
  log += "ended ";
}

coro<> fail_when_cancelled() {
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    throw std::runtime_error("clean-up failed");
  }
}

coro<> await_forever(bool& cancelled) {
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    cancelled = true;
    throw;
  }
}

/// The default action for SIGINT while it lives: Catch2 has its own handler, which run() would leave in place.
class default_sigint {
 public:
  default_sigint() : before_(std::signal(SIGINT, SIG_DFL)) {}
  default_sigint(const default_sigint&) = delete;
  default_sigint& operator=(const default_sigint&) = delete;
  ~default_sigint() { std::signal(SIGINT, before_); }

 private:
  void (*before_)(int);
};

}  // namespace

TEST_CASE("RUN-005: run() gives the value of main", "[runtime][run]") {
  for (const int loops : {1, 2, 4}) CHECK(run(give(7), run_options().loops(loops)) == 7);
  CHECK(*run([]() -> coro<std::unique_ptr<int>> { co_return std::make_unique<int>(3); }(), one_loop()) == 3);
}

TEST_CASE("RUN-006: run() throws what main throws", "[runtime][run]") {
  for (const int loops : {1, 4}) CHECK_THROWS_WITH(run(fail("from main"), run_options().loops(loops)), "from main");
}

LOOP_TEST("FAULT-03, RUN-008: run() inside a running loop is refused", "[runtime][run]") {
  coro<int> body = give(1);
  CHECK_THROWS_AS(run(std::move(body)), already_running);
  co_return;
}

TEST_CASE("RUN-009: run(debug) sets the loop's debug flag", "[runtime][run]") {
  const auto flag = []() -> coro<bool> { co_return get_running_loop().get_debug(); };
  CHECK(run(flag(), one_loop().debug(true)));
  CHECK_FALSE(run(flag(), one_loop()));
}

TEST_CASE("RUN-010: run() makes a new loop each call and closes it", "[runtime][run]") {
  std::shared_ptr<event_loop> made;
  const auto factory = [&made] { return made = new_event_loop(); };
  CHECK(run(give(1), one_loop().loop_factory(factory)) == 1);
  CHECK(made->is_closed());
  const std::shared_ptr<event_loop> first = made;
  CHECK_THROWS(run(fail("x"), one_loop().loop_factory(factory)));
  CHECK(made != first);
  CHECK(made->is_closed());
}

TEST_CASE("RUN-011: run() calls the loop_factory once and runs on its loop", "[runtime][run]") {
  int calls = 0;
  std::shared_ptr<event_loop> made;
  const auto factory = [&] {
    ++calls;
    return made = new_event_loop();
  };
  const auto where = []() -> coro<event_loop*> { co_return &get_running_loop(); };
  const event_loop* seen = run(where(), one_loop().loop_factory(factory));
  CHECK(seen == made.get());
  CHECK(calls == 1);
  CHECK_THROWS_AS(run(give(1), run_options().loops(2).loop_factory(factory)), value_error);
  const auto none = [] { return std::shared_ptr<event_loop>(); };
  CHECK_THROWS_AS(run(give(1), one_loop().loop_factory(none)), value_error);
}

TEST_CASE("RUN-012: tasks that are left are cancelled and awaited", "[runtime][run]") {
  for (const int loops : {1, 4}) {
    std::string log;
    const auto main = [](std::string& out) -> coro<> {
      const task_options pinned{.pin = true};
      static_cast<void>(create_task(sleep_long(out, "a"), pinned));
      static_cast<void>(create_task(sleep_long(out, "b"), pinned));
      co_await settle(3);
    };
    run(main(log), run_options().loops(loops));
    CHECK(log.find("a:cancelled ") != std::string::npos);
    CHECK(log.find("b:cancelled ") != std::string::npos);
  }
}

TEST_CASE("RUN-012: a task that main made in its last step takes its first step, then it is cancelled",
          "[runtime][run]") {
  std::string log;
  const auto main = [](std::string& out) -> coro<> {
    static_cast<void>(create_task(sleep_long(out, "a")));
    co_return;
  };
  run(main(log), one_loop());
  CHECK(log == "a:cancelled ");
}

TEST_CASE("RUN-013: a leftover that fails while being cancelled is reported; main's value stands", "[runtime][run]") {
  for (const int loops : {1, 4}) {
    std::vector<exception_context> reports;
    const auto main = [](std::vector<exception_context>& out) -> coro<int> {
      for (int i = 0; i < loop_count(); ++i) {
        current_runtime().loop(i).set_exception_handler(
            [&out](event_loop&, const exception_context& context) { out.push_back(context); });
      }
      const task_options named{.name = "leftover"};
      static_cast<void>(create_task(fail_when_cancelled(), named));
      co_await sleep(1ms);
      co_return 5;
    };
    CHECK(run(main(reports), run_options().loops(loops)) == 5);
    REQUIRE(reports.size() == 1);
    CHECK(reports.front().message.find("unhandled exception during") != std::string::npos);
    CHECK(in_words(reports.front().exception) == "error: clean-up failed");
    CHECK(reports.front().details.find("leftover") != std::string::npos);
  }
}

TEST_CASE("FAULT-12, RUN-014: a leftover that swallows its cancel is waited for", "[runtime][run]") {
  std::string log;
  const auto main = [](std::string& out) -> coro<> {
    static_cast<void>(create_task(clean_slowly(out)));
    co_await settle(2);
  };
  run(main(log), one_loop());
  CHECK(log == "cancelled ended ");
}

TEST_CASE("RUN-016: the default executor is joined before run() returns", "[runtime][run]") {
  for (const int loops : {1, 4}) {
    event begun;
    std::atomic<bool> main_over{false};
    std::atomic<bool> ended{false};
    const auto main = [](event& first, std::atomic<bool>& over, std::atomic<bool>& last) -> coro<> {
      const auto work = [&first, &over, &last] {
        first.set();
        over.wait(false);
        last = true;
      };
      const auto offload = [](std::function<void()> f) -> coro<> { co_await to_thread(std::move(f)); };
      static_cast<void>(create_task(offload(work)));
      co_await first.wait();
      over = true;
      over.notify_all();
    };
    run(main(begun, main_over, ended), run_options().loops(loops));
    CHECK(ended);
  }
}

TEST_CASE("RUN-017: the exception of main wins over what goes wrong in the shutdown", "[runtime][run]") {
  const auto main = []() -> coro<> {
    get_running_loop().set_exception_handler([](event_loop&, const exception_context&) {});
    static_cast<void>(create_task(fail_when_cancelled()));
    co_await settle(2);
    throw std::runtime_error("main's own");
  };
  CHECK_THROWS_WITH(run(main(), one_loop()), "main's own");
}

TEST_CASE("RUN-018: a main that cancels itself makes run() throw cancelled_error", "[runtime][run]") {
  const auto main = []() -> coro<> {
    current_task().cancel();
    co_await sleep(0ns);
  };
  for (const int loops : {1, 4}) CHECK_THROWS_AS(run(main(), run_options().loops(loops)), cancelled_error);
}

TEST_CASE("RUN-028: SIGINT cancels main and makes run() throw keyboard_interrupt", "[runtime][run][signals]") {
  const default_sigint guard;
  for (const int loops : {1, 4}) {
    bool cancelled = false;
    const auto main = [](bool& out) -> coro<> {
      get_running_loop().call_later(1ms, [] { std::raise(SIGINT); });
      co_await await_forever(out);
    };
    CHECK_THROWS_AS(run(main(cancelled), run_options().loops(loops)), keyboard_interrupt);
    CHECK(cancelled);
  }
}

TEST_CASE("RUN-029: main may clean up after SIGINT and return", "[runtime][run][signals]") {
  const default_sigint guard;
  const auto main = []() -> coro<int> {
    get_running_loop().call_later(1ms, [] { std::raise(SIGINT); });
    bool cancelled = false;
    const std::string how = co_await outcome(await_forever(cancelled));
    co_await sleep(1ms);
    co_return how == "cancelled" ? 4 : 0;
  };
  CHECK(run(main(), one_loop()) == 4);
}

TEST_CASE("RUN-030: a main that was cancelled by somebody else too throws cancelled_error", "[runtime][run][signals]") {
  const default_sigint guard;
  const auto main = []() -> coro<> {
    get_running_loop().call_later(1ms, [] { std::raise(SIGINT); });
    bool cancelled = false;
    const std::string how = co_await outcome(await_forever(cancelled));
    CHECK(how == "cancelled");
    current_task().cancel();
    co_await await_forever(cancelled);
  };
  CHECK_THROWS_AS(run(main(), one_loop()), cancelled_error);
}

TEST_CASE("RUN-032: another handler of SIGINT stays in place; the default one is put back", "[runtime][run][signals]") {
  const default_sigint guard;
  static volatile std::sig_atomic_t caught = 0;
  std::signal(SIGINT, [](int) { caught = 1; });
  const auto main = []() -> coro<int> {
    std::raise(SIGINT);
    co_await sleep(1ms);
    co_return 3;
  };
  CHECK(run(main(), one_loop()) == 3);
  CHECK(caught == 1);
  std::signal(SIGINT, SIG_DFL);
  CHECK(run(give(1), one_loop()) == 1);
  CHECK(std::signal(SIGINT, SIG_DFL) == SIG_DFL);
}

TEST_CASE("RUN-032: a single SIGINT leaves the handler of SIGALRM in place", "[runtime][run][signals]") {
  const default_sigint guard;
  void (*const mine)(int) = [](int) {};
  std::signal(SIGALRM, mine);
  const auto main = []() -> coro<> {
    std::raise(SIGINT);
    co_await sleep(1h);
  };
  CHECK_THROWS_AS(run(main(), one_loop()), keyboard_interrupt);
  CHECK(std::signal(SIGALRM, SIG_DFL) == mine);
}

TEST_CASE("run: the number of loops", "[runtime][run]") {
  const auto count = []() -> coro<int> { co_return loop_count(); };
  for (const int loops : {1, 2, 5, 64}) CHECK(run(count(), run_options().loops(loops)) == loops);
  CHECK(run_options().loops(255).resolved_loops() == 255);
  CHECK_THROWS_AS(run(count(), run_options().loops(256)), value_error);
  CHECK_THROWS_AS(run(count(), run_options().loops(-1)), value_error);
}

TEST_CASE("run: with and without spinning before a sleep", "[runtime][run][parking]") {
  const auto call_often = []() -> coro<int> {
    int sum = 0;
    for (int i = 0; i < 100; ++i) sum += co_await to_thread([] { return 1; });
    co_return sum;
  };
  for (const auto window : {0us, 20us, 1000us}) {
    for (const int loops : {1, 2}) {
      CHECK(run(call_often(), run_options().loops(loops).spin_before_park(window)) == 100);
      runtime r(run_options().loops(loops).spin_before_park(window));
      for (int i = 0; i < 100; ++i) CHECK(run_coroutine_threadsafe(give(i), r).result() == i);
    }
  }
  CHECK_THROWS_AS(run_options().spin_before_park(-1ns), value_error);
}

TEST_CASE("run: GYRE_LOOPS sets the default number of loops", "[runtime][run]") {
  const auto count = []() -> coro<int> { co_return loop_count(); };
  const char* before = std::getenv("GYRE_LOOPS");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("GYRE_LOOPS", "3", 1);
  CHECK(run(count()) == 3);
  for (const char* number : {"1", "255"}) {
    ::setenv("GYRE_LOOPS", number, 1);
    CHECK(run_options().resolved_loops() == std::atoi(number));
  }
  for (const char* none : {"many", "0", "256", "-1", "3 loops"}) {
    ::setenv("GYRE_LOOPS", none, 1);
    CHECK_THROWS_AS(run(count()), value_error);
  }
  if (before == nullptr) {
    ::unsetenv("GYRE_LOOPS");
  } else {
    ::setenv("GYRE_LOOPS", kept.c_str(), 1);
  }
}

TEST_CASE("run: main runs on the calling thread", "[runtime][run]") {
  const auto where = []() -> coro<std::thread::id> { co_return std::this_thread::get_id(); };
  for (const int loops : {1, 4}) CHECK(run(where(), run_options().loops(loops)) == std::this_thread::get_id());
}

TEST_CASE("run: two threads may each run a program", "[runtime][run]") {
  const auto main = []() -> coro<int> {
    const auto [a, b] = co_await gather(give(1), give(2));
    co_return a + b;
  };
  int other = 0;
  std::thread second([&] { other = run(main(), run_options().loops(2)); });
  const int mine = run(main(), run_options().loops(2));
  second.join();
  CHECK(mine == 3);
  CHECK(other == 3);
}

TEST_CASE("RUN-015: a task made by a leftover in the shutdown is not cancelled but abandoned with the loop",
          "[runtime][run]") {
  bool cancelled = false;
  bool abandoned = false;
  const auto late = [](bool& got_cancel) -> coro<> {
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
      got_cancel = true;
      throw;
    }
  };
  const auto leftover = [](auto body, bool& got_cancel) -> coro<> {
    std::exception_ptr stop;
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
      stop = std::current_exception();
    }
    create_task(body, std::ref(got_cancel));
    co_await sleep(0ns);
    std::rethrow_exception(stop);
  };
  const auto main = [](auto first, auto body, bool& got_cancel, bool& reported) -> coro<> {
    get_running_loop().set_exception_handler([&reported](event_loop&, const exception_context& context) {
      if (context.message == "Task was destroyed but it is pending!") reported = true;
    });
    create_task(first, body, std::ref(got_cancel));
    co_await sleep(0ns);
  };
  run(main(leftover, late, cancelled, abandoned), one_loop());
  CHECK_FALSE(cancelled);
  CHECK(abandoned);
}

TEST_CASE("RUN-033: run() never makes a text of the result", "[runtime][run]") {
  struct silent {
    void append_text(std::string&) const { throw std::logic_error("asked for its text"); }
    int value = 3;
  };
  const auto main = []() -> coro<silent> { co_return silent(); };
  CHECK(run(main(), one_loop()).value == 3);
}

TEST_CASE("RUN-031: a second SIGINT leaves at once, though main does not end", "[runtime][run][signals]") {
  const default_sigint restored;
  int cancels = 0;
  const auto main = [](int& count) -> coro<> {
    std::raise(SIGINT);
    for (;;) {
      try {
        co_await sleep(1h);
      } catch (const cancelled_error&) {
        if (++count > 1) co_return;  // the end of run() cancels what is left
        std::raise(SIGINT);          // main swallows the first, and would wait for ever
      }
    }
  };
  CHECK_THROWS_AS(run(main(cancels), one_loop()), keyboard_interrupt);
  CHECK(cancels == 2);
}

TEST_CASE("run: of errors that end the program on several loops the first leaves", "[runtime][run]") {
  static int first = 0;
  static constexpr auto exits = [](int code) -> coro<> {
    co_await sleep(0ns);
    if (first == 0) first = code;
    throw system_exit(code);
  };
  static constexpr auto main = []() -> coro<> {
    std::vector<task<>> all;
    for (int i = 1; i < loop_count(); ++i) {
      const task_options there{.pin = true, .loop = &current_runtime().loop(i)};
      all.push_back(create_task(there, exits, i));
    }
    co_await sleep(1h);
  };
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    first = 0;
    int code = 0;
    try {
      gyre::testing::simulate(seed, gyre::testing::sim_options().loops(4).extremes(true), main());
    } catch (const system_exit& e) {
      code = e.code();
    }
    REQUIRE(code != 0);
    REQUIRE(code == first);
  }
}
