// SPDX-License-Identifier: BSL-1.0
// What asyncio has no answer for: objects of one loop, seen from others.
#include "loop_test.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

struct order {
  std::vector<int> seen;
  void note(int n) { seen.push_back(n); }
};

// Tells where it was destroyed.
struct sentinel {
  sentinel(std::atomic<int>& outside, std::thread::id allowed) : wrong(outside), closing_thread(allowed) {}
  sentinel(const sentinel&) = delete;
  sentinel& operator=(const sentinel&) = delete;
  ~sentinel() {
    bool on_loop = true;
    try {
      static_cast<void>(get_running_loop());
    } catch (const no_running_loop&) {
      on_loop = false;
    }
    if (!on_loop && std::this_thread::get_id() != closing_thread) ++wrong;
  }
  std::atomic<int>& wrong;
  std::thread::id closing_thread;
};

coro<> hold_sentinel(std::atomic<int>& wrong, std::thread::id closing_thread, int turns) {
  const sentinel here(wrong, closing_thread);
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  if (turns % 3 == 0) co_await sleep(1h);
}

}  // namespace

TEST_CASE("XLOOP-003: callbacks and timers stay on their loop while tasks are stolen", "[runtime][steal]") {
  std::atomic<int> elsewhere{0};
  std::atomic<int> called{0};
  const auto main = [](std::atomic<int>& wrong, std::atomic<int>& count) -> coro<> {
    const auto spin = []() -> coro<> {
      for (int i = 0; i < 200; ++i) co_await sleep(0ns);
    };
    for (int i = 0; i < 16; ++i) create_task(spin);
    event_loop& home = get_running_loop();
    for (int i = 0; i < 200; ++i) {
      const auto check = [&wrong, &count, &home] {
        if (&get_running_loop() != &home) ++wrong;
        ++count;
      };
      home.call_soon(check);
      home.call_later(std::chrono::microseconds(i), check);
      if (i % 10 == 0) co_await sleep(0ns);
    }
    while (count < 400) co_await sleep(1ms);
  };
  run(main(elsewhere, called), run_options().loops(4));
  CHECK(elsewhere == 0);
  CHECK(called == 400);
}

LOOP_TEST("XLOOP-006: first steps and callbacks of one loop run first in, first out", "[runtime][order]") {
  order log;
  const auto body = [](order& out, int n) -> coro<> {
    out.note(n);
    co_return;
  };
  event_loop& loop = get_running_loop();
  std::vector<task<>> tasks;
  for (int i = 0; i < 20; i += 2) {
    task_options pinned{.pin = true};
    tasks.push_back(create_task(pinned, body, std::ref(log), i));
    loop.call_soon([&log, i] { log.note(i + 1); });
  }
  for (const auto& each : tasks) co_await each;
  co_await settle(2);
  REQUIRE(log.seen.size() == 20);
  for (int i = 0; i < 20; ++i) CHECK(log.seen[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("XLOOP-007: callbacks that one thread posts to a loop keep their order", "[runtime][threads]") {
  runtime r(run_options().loops(2));
  std::vector<std::vector<int>> seen(3);
  std::vector<std::thread> senders;
  std::atomic<int> called{0};
  for (int s = 0; s < 3; ++s) {
    senders.emplace_back([&, s] {
      for (int i = 0; i < 500; ++i) {
        r.loop(0).call_soon_threadsafe([&seen, &called, s, i] {
          seen[static_cast<std::size_t>(s)].push_back(i);
          ++called;
        });
      }
    });
  }
  for (std::thread& each : senders) each.join();
  while (called < 1500) std::this_thread::yield();
  for (const std::vector<int>& each : seen) CHECK(std::is_sorted(each.begin(), each.end()));
}

LOOP_TEST("XLOOP-008: sleep(0) lets what was ready on its loop run once", "[runtime][order]") {
  std::string log;
  event_loop& loop = get_running_loop();
  loop.call_soon([&] {
    log += "a ";
    loop.call_soon([&log] { log += "b "; });
  });
  co_await sleep(0ns);
  CHECK(log == "a ");
  co_await sleep(0ns);
  CHECK(log == "a b ");
}

TEST_CASE("XLOOP-010: done() seen from another thread stays true and makes the result safe to read",
          "[runtime][threads]") {
  runtime r(run_options().loops(2));
  const auto make = []() -> coro<task<std::string>> {
    const auto body = []() -> coro<std::string> {
      for (int i = 0; i < 20; ++i) co_await sleep(0ns);
      co_return std::string(100, 'x');
    };
    co_return create_task(body);
  };
  for (int round = 0; round < 100; ++round) {
    const task<std::string> t = run_coroutine_threadsafe(make(), r).result();
    while (!t.done()) std::this_thread::yield();
    CHECK(t.done());
    CHECK_FALSE(t.cancelled());
    CHECK(t.result().size() == 100);
  }
}

TEST_CASE("XLOOP-027: a loop that is closed takes nothing any more; results for it are dropped", "[runtime][threads]") {
  const auto loop = new_event_loop();
  future<int> waited_for = loop->create_future<int>();
  bool called = false;
  waited_for.add_done_callback([&called](const future<int>&) { called = true; });
  const auto waits = [](future<int> f) -> coro<int> { co_return co_await f; };
  const report_catcher caught(*loop);
  const task<int> t = loop->create_task(waits(waited_for));
  loop->stop();
  loop->run_forever();
  CHECK_FALSE(t.done());
  loop->close();
  CHECK_NOTHROW(waited_for.set_result(1));
  CHECK_FALSE(called);
  CHECK_THROWS_AS(loop->call_soon_threadsafe([] {}), loop_closed);
  CHECK_THROWS_AS(run_coroutine_threadsafe(waits(waited_for), *loop), loop_closed);
  CHECK(caught.reports.size() == 1);  // the task that was abandoned
}

TEST_CASE("XLOOP-030: a frame is destroyed on a loop of its runtime, or by the thread that closes it",
          "[runtime][shutdown]") {
  for (const int loops : {1, 2, 8}) {
    std::atomic<int> wrong{0};
    const auto main = [](std::atomic<int>& outside, std::thread::id closing) -> coro<> {
      for (int i = 0; i < 60; ++i) create_task(hold_sentinel, std::ref(outside), closing, i);
      for (int i = 0; i < 20; ++i) co_await sleep(0ns);
    };
    run(main(wrong, std::this_thread::get_id()), run_options().loops(loops));
    CHECK(wrong == 0);
  }
}

RUNTIME_TEST("XLOOP-031: many tasks may take one error at once; each cancelled_error is its own",
             "[runtime][threads]") {
  std::atomic<int> wrong{0};
  const auto take = [](task<int> t, std::atomic<int>& bad, std::string expected) -> coro<> {
    const std::string how = co_await outcome(t);
    if (how != expected) ++bad;
  };
  const auto fail = [](event& go) -> coro<int> {
    co_await go.wait();
    throw std::runtime_error("shared");
  };
  for (const bool cancelled : {false, true}) {
    event go;
    const task<int> t = create_task(fail, std::ref(go));
    std::vector<task<>> takers;
    for (int i = 0; i < 24; ++i) {
      takers.push_back(
          create_task(take, t, std::ref(wrong), std::string(cancelled ? "cancelled: enough" : "error: shared")));
    }
    co_await sleep(1ms);
    if (cancelled) {
      t.cancel("enough");
    } else {
      go.set();
    }
    for (const auto& each : takers) co_await each;
  }
  CHECK(wrong == 0);
}

TEST_CASE("XLOOP-036: under the virtual clock a program in which nothing can come is a deadlock, by name",
          "[runtime][simulation]") {
  const auto main = []() -> coro<> {
    const auto waits = [](event& e) -> coro<> { co_await e.wait(); };
    event never;
    task_options named{.name = "waiter"};
    const task<> t = create_task(named, waits, std::ref(never));
    co_await t;
  };
  for (const int loops : {1, 4}) {
    std::string text;
    try {
      testing::simulate(1, run_options().loops(loops), main());
    } catch (const would_deadlock& e) {
      text = e.what();
    }
    CHECK(text.rfind("deadlock", 0) == 0);
    CHECK(text.find("'waiter'") != std::string::npos);
  }
}
