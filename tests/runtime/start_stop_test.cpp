// SPDX-License-Identifier: BSL-1.0
// Runtimes that start and stop again and again. GYRE_STARTS sets how often: 300 without it.
#include "loop_test.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

int rounds() {
  const char* text = std::getenv("GYRE_STARTS");
  return text == nullptr ? 300 : std::stoi(text);
}

std::ptrdiff_t entries(const char* folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

// A thread that has been joined leaves /proc a moment later.
bool threads_fall_to(std::ptrdiff_t n) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (entries("/proc/self/task") > n) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

/// What a process holds.
struct holdings {
  std::ptrdiff_t descriptors = entries("/proc/self/fd");
  std::ptrdiff_t threads = entries("/proc/self/task");
  std::size_t bytes = ::mallinfo2().uordblks;
};

coro<int> give(int value) { co_return value; }
coro<> sleep_long() { co_await sleep(1h); }

coro<int> some_work(int round) {
  static_cast<void>(create_task(sleep_long()));
  const auto [a, b] = co_await gather(give(round), give(1));
  if (round % 8 == 0) static_cast<void>(co_await to_thread([] { return 1; }));
  co_return a + b;
}

// Each way of life of a runtime: without work, with work left over, through run(), with a thread that submits meanwhile.
void live_once(int round, int loops) {
  const run_options options = run_options().loops(loops);
  switch (round % 4) {
    case 0: {
      const runtime idle(options);
      break;
    }
    case 1: {
      runtime r(options);
      if (run_coroutine_threadsafe(some_work(round), r).result() != round + 1) throw error("a wrong result");
      break;
    }
    case 2:
      if (run(some_work(round), options) != round + 1) throw error("a wrong result");
      break;
    default: {
      runtime r(options);
      std::atomic<bool> begun{false};
      std::thread other([&] {
        try {
          for (int i = 0; i < 100; ++i) {  // what a burst takes stays in the pools: they are all of one size
            r.loop(0).call_soon_threadsafe([] {});
            begun = true;
          }
        } catch (const loop_closed&) {
        }
      });
      while (!begun) std::this_thread::yield();
      r.stop();
      other.join();
    }
  }
}

}  // namespace

TEST_CASE("start and stop: no thread, no descriptor, no memory is left", "[runtime][shutdown][start_stop]") {
  std::thread([] {}).join();  // a sanitizer starts a thread of its own with the first one
  const std::ptrdiff_t threads = entries("/proc/self/task");
  for (const int loops : {1, 2, 8}) {
    for (int i = 0; i < 20; ++i) live_once(i, loops);  // what is made once: pools, tables of the system's libraries
    REQUIRE(threads_fall_to(threads));
    const holdings before;
    const int n = rounds() / 3;
    for (int i = 0; i < n; ++i) live_once(i, loops);
    REQUIRE(threads_fall_to(before.threads));
    const holdings after;
    CHECK(after.descriptors == before.descriptors);
    INFO(loops << " loops, " << n << " times, bytes before " << before.bytes << ", after " << after.bytes);
    // Caches of frames may fill up a little more; what is lost each time would show many times over.
    CHECK(after.bytes < before.bytes + 200'000 + static_cast<std::size_t>(n));
  }
}

TEST_CASE("start and stop: a runtime that has worked and is idle again is silent", "[runtime][parking][start_stop]") {
  for (const int loops : {1, 2, 8}) {
    runtime r(run_options().loops(loops));
    for (int i = 0; i < 50; ++i) static_cast<void>(run_coroutine_threadsafe(some_work(i), r).result());
    const auto rest = [&r] {
      const std::uint64_t before = r.stats().parks;
      std::this_thread::sleep_for(50ms);
      return r.stats().parks == before;
    };
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!rest()) REQUIRE(std::chrono::steady_clock::now() < limit);
    const std::uint64_t before = r.stats().parks;
    std::this_thread::sleep_for(200ms);
    CHECK(r.stats().parks == before);
  }
}
