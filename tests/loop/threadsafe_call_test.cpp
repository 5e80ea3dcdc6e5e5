// SPDX-License-Identifier: BSL-1.0
// call_soon_threadsafe and stop() from other threads.
#include "loop_test.hpp"

#include <memory>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

TEST_CASE("SAFE-001: call_soon_threadsafe wakes a loop that sleeps", "[loop][threads]") {
  const auto loop = new_event_loop();
  std::thread other;
  loop->call_soon([&] {
    other = std::thread([&loop] {
      std::this_thread::sleep_for(2ms);
      loop->call_soon_threadsafe([&loop] { loop->stop(); });
    });
  });
  loop->run_forever();
  other.join();
}

TEST_CASE("SAFE-001: each thread's callbacks keep their order", "[loop][threads]") {
  constexpr int threads = 3;
  constexpr int calls = 2000;
  const auto loop = new_event_loop();
  std::vector<int> next(threads, 0);
  bool ordered = true;
  int left = threads * calls;
  std::vector<std::thread> others;
  for (int t = 0; t < threads; ++t) {
    others.emplace_back([&, t] {
      for (int i = 0; i < calls; ++i) {
        loop->call_soon_threadsafe([&, t, i] {
          ordered = ordered && next[static_cast<std::size_t>(t)] == i;
          next[static_cast<std::size_t>(t)] = i + 1;
          if (--left == 0) loop->stop();
        });
      }
    });
  }
  loop->run_forever();
  for (std::thread& each : others) each.join();
  CHECK(ordered);
  CHECK(left == 0);
}

TEST_CASE("SAFE-002: from the loop's own thread it acts as call_soon", "[loop][threads]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->call_soon([&] {
    loop->call_soon([&log] { log += "a "; });
    loop->call_soon_threadsafe([&log] { log += "b "; });
    loop->call_soon([&] {
      log += "c ";
      loop->stop();
    });
  });
  loop->run_forever();
  CHECK(log == "a b c ");
}

TEST_CASE("SAFE-002: a handle of call_soon_threadsafe can be cancelled", "[loop][threads]") {
  const auto loop = new_event_loop();
  bool called = false;
  const handle h = loop->call_soon_threadsafe([&called] { called = true; });
  h.cancel();
  loop->stop();
  loop->run_forever();
  CHECK_FALSE(called);
}

TEST_CASE("SAFE-003: submitting while the loop closes ends in a run, a drop or an error", "[loop][threads]") {
  for (int round = 0; round < 20; ++round) {
    const auto loop = new_event_loop();
    const auto token = std::make_shared<int>(0);
    std::thread other([&loop, &token] {
      try {
        for (;;) loop->call_soon_threadsafe([token] {});
      } catch (const loop_closed&) {
      }
    });
    loop->stop();
    loop->run_forever();
    loop->close();
    other.join();
    CHECK(token.use_count() == 1);
  }
}

TEST_CASE("threads: stop() from another thread ends run_forever", "[loop][threads]") {
  const auto loop = new_event_loop();
  std::thread other;
  loop->call_soon([&] {
    other = std::thread([&loop] {
      std::this_thread::sleep_for(1ms);
      loop->stop();
    });
  });
  loop->run_forever();
  other.join();
  CHECK_FALSE(loop->is_running());
}
