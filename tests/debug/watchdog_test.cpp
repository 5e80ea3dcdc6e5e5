// SPDX-License-Identifier: BSL-1.0
// The watchdog: a loop that is stuck in user code, and a runtime in which nothing can run any more. On real loops; what is
// waited for is the report itself.
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

// Reports of the watchdog's thread, for who waits on a loop's thread.
class watch_reports {
 public:
  explicit watch_reports(event_loop& loop) : loop_(loop) {
    loop_.set_exception_handler([this](event_loop&, const exception_context& context) {
      const std::lock_guard hold(guard_);
      reports_.push_back(context);
      count_.fetch_add(1);
    });
  }
  watch_reports(const watch_reports&) = delete;
  watch_reports& operator=(const watch_reports&) = delete;
  ~watch_reports() { loop_.set_exception_handler({}); }

  [[nodiscard]] int count() const { return count_.load(); }
  [[nodiscard]] exception_context last() const {
    const std::lock_guard hold(guard_);
    return reports_.empty() ? exception_context() : reports_.back();
  }

 private:
  event_loop& loop_;
  mutable std::mutex guard_;
  std::vector<exception_context> reports_;
  std::atomic<int> count_{0};
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

run_options watched() { return run_options().loops(1).stall_limit(20ms); }

}  // namespace

namespace gyre_watchdog_test {

// What was reported of a stall, seen from inside it: a busy machine may make other steps look stuck, too.
struct stall {
  exception_context report;
  int count = 0;  // of reports
};

// With a name in the table of symbols. Stuck until that is reported, and for some limits more.
[[gnu::noinline]] void stuck_until_reported(const watch_reports& reports, stall& seen) {
  const int before = reports.count();
  while (reports.count() == before) std::this_thread::yield();
  seen.report = reports.last();
  const auto reported = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - reported < 60ms) std::this_thread::yield();
  seen.count = reports.count() - before;
}

coro<> gets_stuck(const watch_reports& reports, stall& seen) {
  stuck_until_reported(reports, seen);
  co_return;
}
coro<> calls_stuck(const watch_reports& reports, stall& seen) { co_await gets_stuck(reports, seen); }

}  // namespace gyre_watchdog_test

using gyre_watchdog_test::stall;

TEST_CASE("watchdog: a stuck loop is reported once, with task, awaits and native stack", "[debug][watchdog]") {
  const auto main = []() -> coro<> {
    watch_reports reports(get_running_loop());
    task_options options;
    options.name = "busy";
    stall first;
    co_await create_task(options, gyre_watchdog_test::calls_stuck, std::cref(reports), std::ref(first));
    const exception_context& seen = first.report;
    INFO(seen.message << "\n  " << seen.details);
    CHECK(first.count == 1);
    CHECK(seen.message.rfind("loop 0 (gyre-0) has been stuck in task 'busy' for ", 0) == 0);
    CHECK(has(seen.message, " seconds"));
    CHECK(seen.task.get_name() == "busy");
    CHECK(has(seen.details, "<Task pending name='busy'"));
    CHECK(has(seen.details, "in gets_stuck()\n  awaited at "));
    CHECK(has(seen.details, "in calls_stuck()\n  native stack:\n  #0 "));
    CHECK(has(seen.details, "gyre_watchdog_test::stuck_until_reported("));
    CHECK(current_runtime().stats().stalls >= 1);
    stall second;
    co_await create_task(gyre_watchdog_test::calls_stuck, std::cref(reports), std::ref(second));
    CHECK(second.count == 1);
    CHECK(current_runtime().stats().stalls >= 2);
  };
  run(main(), watched());
}

TEST_CASE("watchdog: a callback that is stuck, and a loop among several", "[debug][watchdog]") {
  const auto main = []() -> coro<> {
    stall seen;
    {
      watch_reports reports(get_running_loop());
      get_running_loop().call_soon([&] { gyre_watchdog_test::stuck_until_reported(reports, seen); });
      co_await settle();
      CHECK(has(seen.report.message, "has been stuck in a callback for "));
    }
    event_loop& second = current_runtime().loop(1);
    watch_reports reports(second);
    task_options there;
    there.loop = &second;
    there.pin = true;
    there.name = "away";
    co_await create_task(there, gyre_watchdog_test::calls_stuck, std::cref(reports), std::ref(seen));
    INFO(seen.report.message << "\n  " << seen.report.details);
    CHECK(seen.report.message.rfind("loop 1 (dog-1) has been stuck in task 'away' for ", 0) == 0);
    CHECK(has(seen.report.details, "in gets_stuck()"));
  };
  run(main(), watched().loops(2).name("dog"));
}

TEST_CASE("watchdog: a stuck fiber is seen on its own stack", "[debug][watchdog]") {
  const auto main = []() -> coro<> {
    watch_reports reports(get_running_loop());
    stall seen;
    co_await fiber(gyre_watchdog_test::stuck_until_reported, std::cref(reports), std::ref(seen));
    INFO(seen.report.message << "\n  " << seen.report.details);
    CHECK(seen.count == 1);
    CHECK(has(seen.report.details, "gyre_watchdog_test::stuck_until_reported("));
  };
  run(main(), watched());
}

TEST_CASE("watchdog: in debug mode it is on by itself, and 0 switches it off", "[debug][watchdog]") {
  const auto stuck = []() -> coro<> {
    watch_reports reports(get_running_loop());
    get_running_loop().slow_callback_duration(1h);
    stall seen;
    co_await create_task(gyre_watchdog_test::calls_stuck, std::cref(reports), std::ref(seen));
    CHECK(seen.count == 1);
  };
  run(stuck(), one_loop().debug(true));
  const auto not_watched = []() -> coro<> {
    get_running_loop().slow_callback_duration(1h);
    const auto begun = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begun < 250ms) std::this_thread::yield();
    CHECK(current_runtime().stats().stalls == 0);
    co_return;
  };
  run(not_watched(), one_loop().debug(true).stall_limit(0ns));
}

TEST_CASE("watchdog: a stuck child of a fork-join is named", "[debug][watchdog]") {
  static constexpr auto child = [](const watch_reports& reports, stall& seen) -> coro<> {
    co_await gyre_watchdog_test::gets_stuck(reports, seen);
  };
  static constexpr auto idle = []() -> coro<> { co_return; };
  const auto main = []() -> coro<> {
    watch_reports reports(get_running_loop());
    stall seen;
    co_await gather(child(reports, seen), idle());
    INFO(seen.report.message << "\n  " << seen.report.details);
    CHECK(has(seen.report.message, " has been stuck in task 'Task-"));
    CHECK(has(seen.report.details, "in gets_stuck()\n  awaited at "));
  };
  run(main(), watched().order(run_order::fork_join));
}

TEST_CASE("watchdog: when nothing can run, what all wait for is reported once", "[debug][watchdog]") {
  static constexpr auto crosses = [](lock& first, lock& second, barrier& each_has_one) -> coro<> {
    const auto held = co_await first.scoped();
    co_await each_has_one.wait();
    const auto both = co_await second.scoped();
  };
  for (const int loops : {1, 2}) {
    std::atomic<int> reported = 0;
    std::string message;
    std::string details;
    static constexpr auto main = [](std::atomic<int>& count, std::string& headline, std::string& text) -> coro<> {
      event_loop& here = get_running_loop();
      lock one;
      lock two;
      barrier each_has_one(2);
      task_options a_options;
      a_options.name = "a";
      const auto a = create_task(a_options, crosses, std::ref(one), std::ref(two), std::ref(each_has_one));
      task_options b_options;
      b_options.name = "b";
      const auto b = create_task(b_options, crosses, std::ref(two), std::ref(one), std::ref(each_has_one));
      // The handler, on the watchdog's thread, sets free what was stuck.
      here.set_exception_handler([&count, &headline, &text, a](event_loop&, const exception_context& context) {
        headline = context.message;
        text = context.details;
        count.fetch_add(1);
        a.cancel();
      });
      static_cast<void>(co_await outcome(b));
      here.set_exception_handler({});
      CHECK(current_runtime().stats().deadlocks == 1);
    };
    run(main(reported, message, details), run_options().loops(loops).deadlock_limit(20ms));
    INFO(message << '\n' << details);
    CHECK(reported == 1);
    CHECK(message.rfind("nothing could run for 0.", 0) == 0);
    CHECK(has(details, "waits for lock 1, held by 'b', at "));
    CHECK(has(details, "\ndeadlock: 'a' -> lock 1 -> 'b' -> lock 2 -> 'a'"));
  }
}

TEST_CASE("watchdog: a timer, a function on a thread and a busy loop are no deadlock", "[debug][watchdog]") {
  const auto main = []() -> coro<> {
    watch_reports reports(get_running_loop());
    co_await sleep(60ms);
    co_await to_thread([] { std::this_thread::sleep_for(60ms); });
    event_loop& here = get_running_loop();
    const future<int> from_function;
    const auto on_replaced = here.run_in_executor(nullptr, [&] {
      std::this_thread::sleep_for(60ms);
      here.call_soon_threadsafe([&] { from_function.set_result(1); });
    });
    here.set_default_executor(std::make_shared<thread_pool_executor>(1, "second"));
    co_await from_function;
    co_await on_replaced;
    const auto begun = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begun < 60ms) std::this_thread::yield();
    CHECK(reports.count() == 0);
    CHECK(current_runtime().stats().deadlocks == 0);
  };
  run(main(), run_options().loops(1).deadlock_limit(10ms));
}

TEST_CASE("watchdog: what lasts for less than its own limit is neither a stall nor a deadlock", "[debug][watchdog]") {
  const auto waits = []() -> coro<> {
    const future<int> from_outside;
    event_loop& here = get_running_loop();
    std::thread outside([&] {
      std::this_thread::sleep_for(60ms);  // what is to be seen is nothing
      here.call_soon_threadsafe([&] { from_outside.set_result(1); });
    });
    co_await from_outside;
    outside.join();
    CHECK(current_runtime().stats().deadlocks == 0);
  };
  run(waits(), run_options().loops(1).stall_limit(10ms).deadlock_limit(1h));
  const auto is_busy = []() -> coro<> {
    std::this_thread::sleep_for(60ms);
    CHECK(current_runtime().stats().stalls == 0);
    co_return;
  };
  run(is_busy(), run_options().loops(1).stall_limit(1h).deadlock_limit(10ms));
}
