// SPDX-License-Identifier: BSL-1.0
// Timers that are set and cancelled all the time: each fires once or was cancelled, and none is early.
#include <memory>

#include "crowd.hpp"

namespace storm {
namespace {

constexpr auto horizon = 300us;

/// One call_later().
struct alarm {
  std::atomic<int> fired{0};
  bool cancelled = false;
  gyre::timer_handle handle;
  gyre::event_loop* loop = nullptr;
};

void ring(trial& t, alarm& a, gyre::event_loop::time_point due) {
  ++a.fired;
  t.expect(gyre::get_running_loop().now() >= due, "a callback came before its time");
  t.did();
}

// Sets and cancels timers of the loop it runs on; the callbacks run there, too, so that their order is certain.
gyre::coro<> churn(trial& t, dice d, alive) {
  std::vector<std::unique_ptr<alarm>> all;
  gyre::event_loop& here = gyre::get_running_loop();
  for (std::size_t i = 0; i < t.size; ++i) {
    all.push_back(std::make_unique<alarm>());
    alarm& a = *all.back();
    const auto delay = d.delay(horizon);
    const auto due = here.now() + delay;
    if (d.one_in(2)) {
      a.handle = here.call_later(delay, ring, std::ref(t), std::ref(a), due);
    } else {
      a.handle = here.call_at(due, ring, std::ref(t), std::ref(a), due);
    }
    alarm& chosen = *all[d.below(all.size())];
    if (d.one_in(2) && chosen.fired.load() == 0 && !chosen.cancelled) {
      chosen.handle.cancel();
      chosen.cancelled = true;
    }
    if (d.one_in(4)) co_await gyre::sleep(d.delay(horizon));
  }
  co_await gyre::sleep(horizon);
  const auto pending = [&all] {
    for (const auto& each : all) {
      if (!each->cancelled && each->fired.load() == 0) return true;
    }
    return false;
  };
  while (pending()) co_await gyre::sleep(10us);
  for (const auto& each : all) t.expect_equal("calls of a timer", each->fired.load(), each->cancelled ? 0 : 1);
}

gyre::coro<> doze(trial& t, dice d, alive) {
  for (std::size_t i = 0; i < t.size; ++i) {
    const auto delay = d.delay(horizon);
    const auto due = gyre::get_running_loop().now() + delay;
    try {
      co_await gyre::sleep(delay);
      t.expect(gyre::get_running_loop().now() >= due, "a sleeper woke before its time");
      t.did();
    } catch (const gyre::cancelled_error&) {
      gyre::current_task().uncancel();
    }
  }
}

gyre::coro<int> slow_answer(std::chrono::nanoseconds delay, alive) {
  co_await gyre::sleep(delay);
  co_return 5;
}

// Either the value or the timeout, and no cancel is left over.
gyre::coro<> ask_in_time(trial& t, dice d, alive) {
  for (std::size_t i = 0; i < t.size; ++i) {
    const auto limit = d.delay(horizon);
    const auto due = gyre::get_running_loop().now() + limit;
    try {
      const int answer = co_await gyre::wait_for(slow_answer(d.delay(horizon), alive(t)), limit);
      t.expect_equal("an answer", answer, 5);
    } catch (const gyre::timeout_error&) {
      t.expect(gyre::get_running_loop().now() >= due, "a time limit passed before its time");
    }
    t.expect_equal("cancels left by a time limit", gyre::current_task().cancelling(), 0);
    t.did();
  }
}

gyre::coro<> move_deadline(gyre::timeout_scope& scope, trial& t, dice d) {
  for (std::size_t n = d.below(4); n > 0; --n) {
    scope.reschedule(gyre::get_running_loop().now() + d.delay(horizon));
    co_await gyre::sleep(d.delay(horizon));
    t.did();
  }
}

gyre::coro<> reschedule(trial& t, dice d, alive) {
  for (std::size_t i = 0; i < t.size; ++i) {
    try {
      co_await gyre::with_timeout(d.delay(horizon), move_deadline, std::ref(t), d.split());
    } catch (const gyre::timeout_error&) {
    } catch (const gyre::error&) {  // rescheduled when its time was over
    }
    t.expect_equal("cancels left by a timeout scope", gyre::current_task().cancelling(), 0);
  }
}

gyre::coro<> timers(trial& t) {
  std::vector<gyre::task<>> all;
  victims sleepers(t);
  for (int i = 0; i < 4; ++i) {
    gyre::task_options pinned = anywhere(t.random);
    pinned.pin = true;
    all.push_back(gyre::create_task(pinned, churn, std::ref(t), t.random.split(), alive(t)));
    const gyre::task_options second = anywhere(t.random);
    all.push_back(gyre::create_task(second, ask_in_time, std::ref(t), t.random.split(), alive(t)));
    const gyre::task_options third = anywhere(t.random);
    all.push_back(gyre::create_task(third, reschedule, std::ref(t), t.random.split(), alive(t)));
    const gyre::task_options fourth = anywhere(t.random);
    sleepers.add(gyre::create_task(fourth, doze, std::ref(t), t.random.split(), alive(t)));
  }
  co_await sleepers.attack(2 * t.size);
  co_await gyre::gather(all);
}

const registered churning_timers({"timers", "timers set, moved and cancelled: once or not at all, never early", &timers,
                                  nullptr, 100, 6});

}  // namespace
}  // namespace storm
