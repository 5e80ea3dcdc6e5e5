// SPDX-License-Identifier: BSL-1.0
// Memory that runs out inside gather(): its caller gets std::bad_alloc, and the children go on.
#include "loop_test.hpp"

#include "allocations.hpp"
#include "stderr_catcher.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> one() {
  co_await sleep(0ns);
  co_return 1;
}

// Gathers more tasks than the frame pool has room for, with the n-th allocation and all after it refused.
coro<bool> gather_short_of_memory(long n) {
  const allocation_counter meter;
  constexpr std::size_t many = 2'000;
  std::vector<task<int>> tasks;
  for (std::size_t i = 0; i < many; ++i) tasks.push_back(create_task(one()));
  std::vector<task<int>> given = tasks;
  bool refused = false;
  try {
    meter.fail_from(n);
    auto all = gather(std::move(given));
    static_cast<void>(all.start());
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  meter.fail_next(0);
  static_cast<void>(co_await wait(tasks));
  for (const task<int>& each : tasks) {
    if (each.result() != 1) throw error("a child of a failed gather has another result");
  }
  co_return refused;
}

coro<> nothing() { co_return; }

// The allocations of so many blocks whose limits are never reached.
coro<long> limit_often(int times) {
  for (int i = 0; i < times; ++i) co_await with_timeout(1h, nothing);
  const allocation_counter meter;
  for (int i = 0; i < times; ++i) co_await with_timeout(1h, nothing);
  co_return meter.count();
}

coro<> drop_one_unawaited() {
  std::optional<coro<int>> body(one());
  const allocation_counter meter;
  meter.fail_from(1);  // for the report
  body.reset();
  co_return;
}

coro<> nest(int depth, future<> begun, int& cancelled) {
  try {
    if (depth == 0) {
      begun.set_result();
      co_await future<>();
    } else {
      co_await gather(nest(depth - 1, begun, cancelled));
    }
  } catch (const cancelled_error&) {
    ++cancelled;
    throw;
  }
}

coro<bool> cancel_without_memory(int depth, int& cancelled) {
  const future<> begun;
  const auto outermost = create_task(nest(depth, begun, cancelled));
  co_await begun;
  bool taken = false;
  {
    const allocation_counter meter;
    meter.fail_from(1);
    taken = outermost.cancel();
  }
  const std::vector<task<>> all(1, outermost);
  static_cast<void>(co_await wait(all));
  co_return taken&& outermost.cancelled();
}

}  // namespace

TEST_CASE("FAULT-25: a cancel goes through gathers inside each other without memory", "[flow][gather][cancel]") {
  if (!counts_allocations) return;
  for (const int depth : {1, 4, 5, 40, 300}) {
    int cancelled = 0;
    CHECK(run(cancel_without_memory(depth, cancelled), one_loop().order(run_order::fork_join)));
    CHECK(cancelled == depth + 1);
  }
}

TEST_CASE("gather: memory that runs out on the way leaves the children whole", "[flow][gather]") {
  if (!counts_allocations) return;
  long n = 1;
  while (run(gather_short_of_memory(n), one_loop())) ++n;
  CHECK(n > 3);
}

TEST_CASE("coro: one that was never awaited is destroyed without memory, too", "[core][coro]") {
  if (!counts_allocations) return;
  run(drop_one_unawaited(), one_loop());
}

TEST_CASE("FAULT-25: reports without memory are counted, and do not fill the log", "[core][coro]") {
  if (!counts_allocations) return;
  const auto main = []() -> coro<> {
    for (int i = 0; i < 1'000; ++i) co_await drop_one_unawaited();
  };
  stderr_catcher printed;
  run(main(), one_loop());
  const std::string text = printed.text();
  INFO(text);
  CHECK(text.find("a coroutine was never awaited (no memory to tell more, as for 1000 reports so far)\n") !=
        std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') <= 4);
}

TEST_CASE("timeout: a limit that is not reached leaves no memory behind", "[flow][timeout]") {
  if (!counts_allocations) return;
  constexpr int times = 5000;
  constexpr long few = 3;  // not one for some hundred blocks
  CHECK(run(limit_often(times), one_loop()) < few);
  CHECK(run(limit_often(times), run_options().loops(2).order(run_order::asyncio)) < few);
  CHECK(run(limit_often(times), run_options().loops(2).order(run_order::fork_join)) < few);
}
