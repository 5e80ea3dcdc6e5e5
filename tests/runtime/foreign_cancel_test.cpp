// SPDX-License-Identifier: BSL-1.0
// Threads outside a runtime cancel its tasks, and let go of what has failed, while the runtime object is destroyed.
#include "loop_test.hpp"

#include <gyre/core/task_core.hpp>
#include <gyre/core/trace.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> ignore_cancels(std::atomic<int>& begun) {
  begun.fetch_add(1);
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
    }
  }
}

coro<> forget_to_end(std::atomic<int>& begun) {
  begun.fetch_add(1);
  for (;;) {
    try {
      static_cast<void>(co_await gather(sleep(1h), sleep(2h)));
    } catch (const cancelled_error&) {
    }
  }
}

coro<std::vector<task<>>> begin_all(std::atomic<int>& begun, int count) {
  std::vector<task<>> tasks;
  for (int i = 0; i < count; ++i)
    tasks.push_back(create_task(i % 2 == 0 ? ignore_cancels(begun) : forget_to_end(begun)));
  co_return tasks;
}

void be_silent(event_loop&, const exception_context&) {}

// A thread from outside, held where it has taken a task out of its wait, or is about to report: until the loop that it needs
// next is closed. Then the loop must not be gone before the thread has left.
struct held_visitor {
  detail::loop_identity* loop = nullptr;
  std::uint32_t era = 0;
  std::atomic<bool> inside{false};
  std::atomic<bool> loop_was_gone{false};
  std::atomic<bool> left{false};

  void hold() noexcept {
    inside.store(true);
    while (loop->open()) std::this_thread::yield();
    for (int i = 0; i < 200; ++i) {
      std::this_thread::yield();
      if (loop->era() != era) loop_was_gone.store(true);
    }
    left.store(true);
  }
};

held_visitor* visitor = nullptr;
thread_local bool is_visitor = false;

void hold_in_cancel(detail::trace_event event, detail::task_core&) noexcept {
  if (is_visitor && event == detail::trace_event::cancelled) visitor->hold();
}

coro<task<>> begin_one(std::atomic<int>& begun) { co_return create_task(ignore_cancels(begun)); }

}  // namespace

TEST_CASE("XLOOP-027: a loop that closes waits for a thread outside that cancels one of its tasks", "[runtime]") {
  held_visitor held;
  visitor = &held;
  auto r = std::make_unique<runtime>(run_options().loops(2).shutdown_timeout(1ms));
  for (int i = 0; i < 2; ++i) r->loop(i).set_exception_handler(be_silent);
  std::atomic<int> begun{0};
  const task<> parked = run_coroutine_threadsafe(begin_one(begun), r->loop(0)).result();  // pinned there
  while (to_string(parked).find("wait_for=") == std::string::npos) std::this_thread::yield();
  held.loop = &detail::home_of(r->loop(0)).identity();
  held.era = held.loop->era();
  std::thread canceller([&] {
    is_visitor = true;
    detail::trace_target.store(&hold_in_cancel);
    static_cast<void>(parked.cancel());
  });
  while (!held.inside.load()) std::this_thread::yield();
  detail::trace_target.store(nullptr);
  r.reset();
  canceller.join();
  CHECK_FALSE(held.loop_was_gone.load());
  CHECK_FALSE(parked.cancel());
}

TEST_CASE("XLOOP-027: a loop is not destroyed while a thread outside reports to its exception handler", "[runtime]") {
  held_visitor held;
  auto r = std::make_unique<runtime>(run_options().loops(2));
  for (int i = 0; i < 2; ++i) {
    r->loop(i).set_exception_handler([&held](event_loop&, const exception_context&) {
      if (is_visitor) held.hold();
    });
  }
  held.loop = &detail::home_of(r->loop(0)).identity();
  held.era = held.loop->era();
  std::optional<future<int>> failed(r->loop(0).create_future<int>());
  failed->set_exception(value_error("nobody looks"));
  std::thread forgetful([&failed] {
    is_visitor = true;
    failed.reset();
  });
  while (!held.inside.load()) std::this_thread::yield();
  r.reset();
  CHECK(held.left.load());
  forgetful.join();
  CHECK_FALSE(held.loop_was_gone.load());
}

TEST_CASE("XLOOP-027: tasks are cancelled from outside while their runtime is destroyed", "[runtime]") {
  for (int round = 0; round < 60; ++round) {
    constexpr int count = 6;
    std::atomic<int> begun{0};
    std::atomic<bool> stop{false};
    std::vector<task<>> tasks;
    std::vector<std::thread> threads;
    {
      runtime r(run_options().loops(2).shutdown_timeout(1ms));
      for (int i = 0; i < 2; ++i) r.loop(i).set_exception_handler(be_silent);
      tasks = run_coroutine_threadsafe(begin_all(begun, count), r).result();
      while (begun.load() < count) std::this_thread::yield();
      for (int n = 0; n < 2; ++n) {
        threads.emplace_back([&] {
          while (!stop.load()) {
            for (const task<>& each : tasks) static_cast<void>(each.cancel());
          }
        });
      }
    }
    stop.store(true);
    for (std::thread& each : threads) each.join();
    for (const task<>& each : tasks) CHECK_FALSE(each.cancel());
  }
}
