// SPDX-License-Identifier: BSL-1.0
// The contract where something goes wrong: reports (C10) and the end of a program (C11).
#include "loop_test.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <utility>

using namespace gyre;
using namespace gyre_test;

namespace {

run_options loops(int n) { return run_options().loops(n); }

}  // namespace

TEST_CASE("C10: an error that nobody took is reported once, with the task's name", "[runtime][contract]") {
  for (const int n : {1, 4}) {
    std::atomic<int> reports{0};
    std::string details;
    testing::simulate(1, loops(n), [](std::atomic<int>& count, std::string& text) -> coro<> {
      std::mutex guard;
      const auto note = [&](event_loop&, const exception_context& context) {
        const std::lock_guard hold(guard);
        ++count;
        text = context.message + ": " + context.details;
      };
      for (int i = 0; i < loop_count(); ++i) current_runtime().loop(i).set_exception_handler(note);
      const auto fail = []() -> coro<> {
        throw std::runtime_error("nobody looks");
        co_return;
      };
      task_options named;
      named.name = "lonely";
      create_task(named, fail);
      co_await sleep(1ms);
      for (int i = 0; i < loop_count(); ++i) current_runtime().loop(i).set_exception_handler(nullptr);
    }(reports, details));
    CHECK(reports.load() == 1);
    CHECK(details.find("exception was never retrieved") != std::string::npos);
    CHECK(details.find("lonely") != std::string::npos);
  }
}

TEST_CASE("C10: the report shows where the task was created and which way its error took", "[runtime][contract]") {
  for (const int n : {1, 4}) {
    std::string details;
    std::uint32_t created = 0;
    const auto main = [](std::string& text, std::uint32_t& line) -> coro<> {
      for (int i = 0; i < loop_count(); ++i) {
        current_runtime().loop(i).set_exception_handler(
            [&text](event_loop&, const exception_context& context) { text = context.details; });
      }
      struct way {
        static coro<> innermost() {
          co_await sleep(0ns);
          throw std::runtime_error("nobody looks");
        }
        static coro<> middle() {
          std::exception_ptr other;
          try {
            co_await caught_before();
          } catch (const std::runtime_error&) {
          }
          co_await innermost();
        }
        static coro<> caught_before() {
          throw std::runtime_error("this one is caught");
          co_return;
        }
        static coro<> outermost() { co_await middle(); }
      };
      line = std::source_location::current().line() + 1;
      create_task(way::outermost());
      co_await sleep(1ms);
      for (int i = 0; i < loop_count(); ++i) current_runtime().loop(i).set_exception_handler(nullptr);
    };
    testing::simulate(1, loops(n), main(details, created));
    CAPTURE(details);
    CHECK(details.find("created at " + std::string(__FILE__) + ":" + std::to_string(created)) != std::string::npos);
    const std::size_t raised = details.find("\n  raised in innermost(), after ");
    const std::size_t first = details.find("\n  awaited in middle() at ");
    const std::size_t second = details.find("\n  awaited in outermost() at ");
    CHECK(raised < first);
    CHECK(first < second);
    CHECK(second != std::string::npos);
    CHECK(details.find("caught_before") == std::string::npos);
  }
}

TEST_CASE("XLOOP-028, C11: the end of run() cancels what is left, waits for it, and names what outlives the deadline",
          "[runtime][contract]") {
  for (const int n : {1, 4}) {
    std::atomic<int> cleaned{0};
    run(
        [](std::atomic<int>& count) -> coro<> {
          const auto leftover = [](std::atomic<int>& done) -> coro<> {
            std::exception_ptr error;
            try {
              co_await sleep(1h);
            } catch (const cancelled_error&) {
              error = std::current_exception();
            }
            co_await sleep(1ms);  // clean-up may await
            ++done;
            std::rethrow_exception(error);
          };
          for (int i = 0; i < 10; ++i) create_task(leftover, std::ref(count));
          co_await sleep(1ms);
        }(cleaned),
        loops(n));
    CHECK(cleaned.load() == 10);
  }
}

namespace {

// Not set_value_at_thread_exit(), which ThreadSanitizer does not see.
void tell_when_this_thread_ends(std::shared_ptr<std::promise<void>> ended) {
  struct last_thing {
    std::shared_ptr<std::promise<void>> ended;
    last_thing() = default;
    last_thing(const last_thing&) = delete;
    last_thing& operator=(const last_thing&) = delete;
    ~last_thing() { ended->set_value(); }
  };
  static thread_local last_thing last;
  last.ended = std::move(ended);
}

}  // namespace

TEST_CASE("C11: a thread that is stuck in user code at the deadline is detached and named", "[runtime][contract]") {
  std::vector<std::string> reports;
  std::promise<void> stuck;
  std::promise<void> release;
  const auto back = std::make_shared<std::promise<void>>();
  const std::future<void> gone = back->get_future();
  const auto never_ends = [](std::promise<void>& begun, std::promise<void>& go,
                             std::shared_ptr<std::promise<void>> ended) -> coro<> {
    begun.set_value();
    go.get_future().wait();
    tell_when_this_thread_ends(std::move(ended));  // it ends by itself, too
    co_return;
  };
  const auto amain = [](auto body, std::vector<std::string>& log, std::promise<void>& begun, std::promise<void>& go,
                        std::shared_ptr<std::promise<void>> ended) -> coro<> {
    get_running_loop().set_exception_handler([&log](event_loop&, const exception_context& context) {
      log.push_back(context.message + " | " + context.details);
    });
    event_loop& other = current_runtime().loop(1);
    task_options options{.name = "endless", .pin = true, .loop = &other};
    create_task(options, body, std::ref(begun), std::ref(go), std::move(ended));
    begun.get_future().wait();
    co_return;
  };
  run(amain(never_ends, reports, stuck, release, back), loops(2).shutdown_timeout(1ms));
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].rfind("task 'endless' did not end before the shutdown timeout", 0) == 0);
  CHECK(reports[1].rfind(
            "the thread of loop 1 did not leave user code before the shutdown timeout; it is detached | <Task ", 0) ==
        0);
  CHECK(reports[1].find("name='endless'") != std::string::npos);
  release.set_value();
  gone.wait();
}

TEST_CASE("C11: a task whose turn has not come again is not named as what a thread is stuck in",
          "[runtime][contract]") {
  std::vector<std::string> reports;
  std::promise<void> stuck;
  std::promise<void> release;
  const auto back = std::make_shared<std::promise<void>>();
  const std::future<void> gone = back->get_future();
  // The future takes the cancel, and so has ended before the task waits for it.
  const auto in_line = []() -> coro<> {
    const future<int> cancelled = get_running_loop().create_future<int>();
    current_task().cancel();
    co_await cancelled;
  };
  const auto never_ends = [](auto other, std::promise<void>& begun, std::promise<void>& go,
                             std::shared_ptr<std::promise<void>> ended) -> coro<> {
    task_options options{.name = "in line", .pin = true};
    create_task(options, other);
    co_await sleep(0ns);
    begun.set_value();
    go.get_future().wait();
    tell_when_this_thread_ends(std::move(ended));
  };
  const auto amain = [](auto body, auto other, std::vector<std::string>& log, std::promise<void>& begun,
                        std::promise<void>& go, std::shared_ptr<std::promise<void>> ended) -> coro<> {
    get_running_loop().set_exception_handler([&log](event_loop&, const exception_context& context) {
      log.push_back(context.message + " | " + context.details);
    });
    event_loop& second = current_runtime().loop(1);
    second.set_exception_handler([](event_loop&, const exception_context&) {});
    task_options options{.name = "endless", .pin = true, .loop = &second};
    create_task(options, body, other, std::ref(begun), std::ref(go), std::move(ended));
    begun.get_future().wait();
    co_return;
  };
  run(amain(never_ends, in_line, reports, stuck, release, back), loops(2).shutdown_timeout(1ms));
  REQUIRE(reports.size() == 3);
  CHECK(reports[2].rfind("the thread of loop 1 did not leave user code", 0) == 0);
  CHECK(reports[2].find("name='endless'") != std::string::npos);
  CHECK(reports[2].find("name='in line'") == std::string::npos);
  release.set_value();
  gone.wait();
}

TEST_CASE("C11: stop() of a runtime returns though its first loop is stuck, and tells who waits",
          "[runtime][contract]") {
  std::promise<void> stuck;
  std::promise<void> release;
  const auto endless = [](std::promise<void>& begun, std::promise<void>& go) -> coro<> {
    begun.set_value();
    go.get_future().wait();
    co_return;
  };
  runtime r(run_options().loops(2).shutdown_timeout(1ms));
  const auto reports = std::make_shared<std::atomic<int>>(0);  // the thread may report something after this test
  for (int i = 0; i < 2; ++i) {
    r.loop(i).set_exception_handler([reports](event_loop&, const exception_context&) { ++*reports; });
  }
  const auto nothing = []() -> coro<> { co_return; };
  const auto f = run_coroutine_threadsafe(endless(stuck, release), r.loop(0));
  stuck.get_future().wait();
  const auto behind_it = run_coroutine_threadsafe(nothing(), r.loop(0));
  r.stop();
  CHECK(*reports == 3);  // the tasks, and the thread
  CHECK_THROWS_AS(f.result(), loop_closed);
  CHECK(behind_it.done());
  CHECK_THROWS_AS(run_coroutine_threadsafe(nothing(), r), loop_closed);
  for (int i = 0; i < 2; ++i) {
    CHECK_THROWS_AS(run_coroutine_threadsafe(nothing(), r.loop(i)), loop_closed);
    CHECK_THROWS_AS(r.loop(i).call_soon_threadsafe([] {}), loop_closed);
  }
  release.set_value();
}
