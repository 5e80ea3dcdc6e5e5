// SPDX-License-Identifier: BSL-1.0
// Timers in masses.
#include "loop_test.hpp"

using namespace gyre;
using namespace gyre_test;

namespace {

#ifdef NDEBUG
constexpr int many = 1'000'000;
#else
constexpr int many = 50'000;
#endif

}  // namespace

LOOP_TEST("FAULT-42: a great many pending timers are cancelled at once", "[faults]") {
  event_loop& loop = get_running_loop();
  int fired = 0;
  {
    std::vector<timer_handle> timers;
    for (int i = 0; i < many; ++i)
      timers.push_back(loop.call_later(std::chrono::hours(1 + i % 7), [&fired] { ++fired; }));
    for (timer_handle& each : timers) each.cancel();
  }
  co_await settle();
  std::vector<task<>> sleepers;
  const auto sleep_long = [](int i) -> coro<> { co_await sleep(std::chrono::hours(1 + i % 5)); };
  for (int i = 0; i < many / 20; ++i) sleepers.push_back(create_task(sleep_long, i));
  co_await settle();
  for (const task<>& each : sleepers) each.cancel();
  static_cast<void>(co_await wait(sleepers));
  int cancelled = 0;
  for (const task<>& each : sleepers) cancelled += each.cancelled() ? 1 : 0;
  CHECK(cancelled == many / 20);
  CHECK(fired == 0);
  co_await sleep(1ms);  // a new timer comes in its time
}
