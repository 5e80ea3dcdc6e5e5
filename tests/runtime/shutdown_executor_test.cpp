// SPDX-License-Identifier: BSL-1.0
// Functions of the executor and the end of the program: they may need the loop, and the loop must not wait for them.
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> answer() {
  co_await sleep(0ns);
  co_return 42;
}

// On a thread of the pool: asks the loop for an answer once `go` is set.
int ask(event_loop& loop, const std::atomic<bool>& go) {
  while (!go.load()) std::this_thread::yield();
  return run_coroutine_threadsafe(answer(), loop).result();
}

coro<> set_when_cancelled(std::atomic<bool>& flag) {
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    flag.store(true);
    throw;
  }
}

coro<> leave_a_function(std::atomic<bool>& main_ended, std::atomic<int>& got) {
  event_loop& loop = get_running_loop();
  static_cast<void>(loop.run_in_executor(nullptr, [&] { got.store(ask(loop, main_ended)); }));
  const auto t = create_task(set_when_cancelled(main_ended));
  co_await sleep(0ns);
}

coro<int> replace_the_executor(std::atomic<bool>& go) {
  event_loop& loop = get_running_loop();
  const auto asked = loop.run_in_executor(nullptr, [&] { return ask(loop, go); });
  loop.set_default_executor(std::make_shared<thread_pool_executor>(1, "second"));
  go.store(true);
  co_return co_await asked;
}

}  // namespace

TEST_CASE("THREAD-010: a function that needs the loop when main has ended gets it", "[runtime][offload]") {
  for (const int loops : {1, 2}) {
    std::atomic<bool> main_ended{false};
    std::atomic<int> got{0};
    run(leave_a_function(main_ended, got), run_options().loops(loops).shutdown_timeout(20s));
    CHECK(got.load() == 42);
  }
}

TEST_CASE("THREAD-009: replacing the executor does not wait for its functions", "[runtime][offload]") {
  std::atomic<bool> go{false};
  CHECK(run(replace_the_executor(go), one_loop()) == 42);
}

TEST_CASE("thread_pool_executor: a function that fills its own pool is refused", "[runtime][offload]") {
  const auto pool = std::make_shared<thread_pool_executor>(thread_pool_options().max_threads(1).max_queue(0));
  const bool refused = pool->submit([&pool] {
                             try {
                               static_cast<void>(pool->submit([] {}));
                               return false;
                             } catch (const queue_full&) {
                               return true;
                             }
                           })
                           .result();
  CHECK(refused);
}

TEST_CASE("max_submissions: 0 is refused", "[runtime]") {
  CHECK_THROWS_AS(run_options().max_submissions(0), value_error);
}
