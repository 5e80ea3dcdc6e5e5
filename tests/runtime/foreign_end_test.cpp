// SPDX-License-Identifier: BSL-1.0
// Threads outside a runtime end futures that tasks wait for, while its loops close and destroy those tasks.
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

// The future that a task waits for now.
struct mailbox {
  std::mutex guard;
  future<int> awaited{nullptr};

  void put(const future<int>& f) {
    const std::lock_guard hold(guard);
    awaited = f;
  }
  future<int> get() {
    const std::lock_guard hold(guard);
    return awaited;
  }
};

// Waits for one future after the other until its loop destroys it: no cancel ends it.
coro<> wait_on_and_on(mailbox& box, std::atomic<int>& begun) {
  begun.fetch_add(1);
  for (;;) {
    const future<int> f;
    box.put(f);
    try {
      static_cast<void>(co_await f);
    } catch (const cancelled_error&) {
    }
  }
}

// Ends whatever is awaited, in all ways, until told to stop.
void end_futures(std::vector<std::unique_ptr<mailbox>>& boxes, const std::atomic<bool>& stop) {
  for (unsigned turn = 0; !stop.load(); ++turn) {
    for (const auto& box : boxes) {
      const future<int> f = box->get();
      if (!f || f.done()) continue;
      try {
        if (turn % 2 == 0) {
          f.set_result(1);
        } else {
          f.cancel();
        }
      } catch (const invalid_state_error&) {  // another thread was faster
      }
    }
  }
}

}  // namespace

TEST_CASE("XLOOP-027: futures ended from outside while their loops close", "[runtime]") {
  for (int round = 0; round < 30; ++round) {
    constexpr int count = 8;
    std::vector<std::unique_ptr<mailbox>> boxes;
    for (int i = 0; i < count; ++i) boxes.push_back(std::make_unique<mailbox>());
    std::atomic<int> begun{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    {
      runtime r(run_options().loops(2).shutdown_timeout(1ms));
      for (int i = 0; i < 2; ++i) r.loop(i).set_exception_handler([](event_loop&, const exception_context&) {});
      for (int i = 0; i < count; ++i) {
        mailbox& box = *boxes[static_cast<std::size_t>(i)];
        static_cast<void>(run_coroutine_threadsafe(wait_on_and_on(box, begun), r.loop(i % 2)));
      }
      for (int n = 0; n < 2; ++n) threads.emplace_back([&] { end_futures(boxes, stop); });
      while (begun.load() < count) std::this_thread::yield();
      r.stop();
    }
    stop.store(true);
    for (std::thread& each : threads) each.join();
    REQUIRE(begun.load() == count);
  }
}

TEST_CASE("XLOOP-027: a future of a closed loop takes its result", "[runtime]") {
  const auto loop = new_event_loop();
  const auto first = loop->create_future<int>();
  const auto second = loop->create_future<int>();
  const auto third = loop->create_future<int>();
  loop->close();
  first.set_result(7);
  CHECK(first.result() == 7);
  CHECK(second.cancel());
  CHECK(second.cancelled());
  third.set_exception(value_error("no"));
  CHECK(in_words(third.exception()) == "error: no");
}

namespace {

coro<int> leaf() {
  co_await sleep(1h);
  co_return 1;
}

// Forks, whenever it is cancelled once more, until its loop destroys it.
coro<> fork_on_and_on(std::atomic<int>& begun) {
  begun.fetch_add(1);
  for (;;) {
    try {
      static_cast<void>(co_await gather(leaf(), leaf(), leaf()));
    } catch (const cancelled_error&) {
    }
  }
}

}  // namespace

TEST_CASE("XLOOP-027: fork-joins cancelled from outside while their loops close", "[runtime]") {
  for (int round = 0; round < 30; ++round) {
    constexpr int count = 8;
    std::atomic<int> begun{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    std::vector<blocking_future<void>> tasks;
    runtime r(run_options().loops(2).shutdown_timeout(1ms));
    for (int i = 0; i < 2; ++i) r.loop(i).set_exception_handler([](event_loop&, const exception_context&) {});
    for (int i = 0; i < count; ++i) tasks.push_back(run_coroutine_threadsafe(fork_on_and_on(begun), r));
    while (begun.load() < count) std::this_thread::yield();  // one that is cancelled before never begins
    for (int n = 0; n < 2; ++n) {
      threads.emplace_back([&] {
        while (!stop.load()) {
          for (const auto& each : tasks) static_cast<void>(each.cancel());
        }
      });
    }
    r.stop();
    stop.store(true);
    for (std::thread& each : threads) each.join();
    for (const auto& each : tasks) REQUIRE(each.done());
  }
}

TEST_CASE("XLOOP-027: a late result drops the callback that owned the closed loop", "[runtime]") {
  auto loop = new_event_loop();
  const auto f = loop->create_future<int>();
  f.add_done_callback([kept = loop](const auto&) { static_cast<void>(kept->is_closed()); });
  loop->close();
  loop.reset();
  f.set_result(1);
  CHECK(f.done());
}
