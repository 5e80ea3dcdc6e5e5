// SPDX-License-Identifier: BSL-1.0
// Ping-pong between loops, and tasks that travel: every message arrives once, in order, and everybody is where it should be.
#include "crowd.hpp"

namespace storm {
namespace {

// --- ping-pong over each kind of hand-over ---------------------------------------------------------------------------
struct table {
  explicit table(trial& round) : t(round) {}
  trial& t;
  gyre::queue<std::size_t> there{1};
  gyre::queue<std::size_t> back{1};
  gyre::semaphore open_there{0};
  gyre::semaphore open_back{0};
  gyre::event flag_there;
  gyre::event flag_back;
  std::size_t ball = 0;  // plain: each hand-over orders it
};

gyre::coro<> return_balls(table& p, std::size_t count, alive) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t got = co_await p.there.get();
    p.t.expect_equal("a ball", got, i);
    co_await p.back.put(got + 1);

    co_await p.open_there.acquire();
    ++p.ball;
    p.open_back.release();

    co_await p.flag_there.wait();
    p.flag_there.clear();
    ++p.ball;
    p.flag_back.set();
  }
}

gyre::coro<> serve_balls(table& p, std::size_t count, alive) {
  for (std::size_t i = 0; i < count; ++i) {
    co_await p.there.put(i);
    const std::size_t got = co_await p.back.get();
    p.t.expect_equal("a ball that came back", got, i + 1);

    ++p.ball;
    p.open_there.release();
    co_await p.open_back.acquire();

    ++p.ball;
    p.flag_there.set();
    co_await p.flag_back.wait();
    p.flag_back.clear();
    p.t.did(3);
  }
}

gyre::coro<> play(trial& t, dice d, alive) {
  table p(t);
  const gyre::task_options first = anywhere(d);
  const gyre::task_options second = anywhere(d);
  const gyre::task<> a = gyre::create_task(first, &serve_balls, std::ref(p), t.size, alive(t));
  const gyre::task<> b = gyre::create_task(second, &return_balls, std::ref(p), t.size, alive(t));
  co_await gyre::gather(a, b);
  t.expect_equal("touches of the ball", p.ball, 4 * t.size);
}

gyre::coro<> ping_pong(trial& t) {
  std::vector<gyre::coro<>> tables;
  for (int i = 0; i < 4; ++i) tables.push_back(play(t, t.random.split(), alive(t)));
  co_await gyre::gather(std::move(tables));
}

// --- travellers ------------------------------------------------------------------------------------------------------
int number_of(const gyre::event_loop& loop) {
  const gyre::current_runtime_view here = gyre::current_runtime();
  for (int i = 0; i < here.loop_count(); ++i) {
    if (&here.loop(i) == &loop) return i;
  }
  return -1;
}

gyre::coro<> check_place(trial& t, int wanted) {
  for (int i = 0; i < 2; ++i) {
    t.expect_equal("loop of a pinned task", number_of(gyre::get_running_loop()), wanted);
    co_await gyre::sleep(0ns);
  }
}

gyre::coro<> travel(trial& t, dice d, alive) {
  for (std::size_t i = 0; i < t.size; ++i) {
    const int target = d.between(0, t.loops - 1);
    gyre::event_loop& there = gyre::current_runtime().loop(target);
    const std::size_t way = d.below(3);
    if (way == 0) {
      co_await gyre::on(there, check_place, std::ref(t), target);
    } else if (way == 1) {
      co_await gyre::resume_on(there);
      const gyre::pin_scope stay;
      const int here = number_of(gyre::get_running_loop());
      co_await check_place(t, here);
    } else {
      const gyre::task_options place{.pin = true, .loop = &there};
      co_await gyre::create_task(place, check_place, std::ref(t), target);
    }
    t.did();
  }
}

gyre::coro<> travellers(trial& t) {
  std::vector<gyre::task<>> all;
  for (int i = 0; i < 8; ++i) {
    const gyre::task_options place = anywhere(t.random);
    all.push_back(gyre::create_task(place, travel, std::ref(t), t.random.split(), alive(t)));
  }
  co_await gyre::gather(all);
}

// --- order of callbacks from one thread to one loop ------------------------------------------------------------------
struct line {
  std::vector<std::size_t> last;  // of each sender; only the target loop touches it
  std::atomic<std::size_t> arrived{0};
};

gyre::coro<> send_calls(trial& t, line& l, std::size_t sender, gyre::event_loop& target, alive) {
  for (std::size_t i = 1; i <= t.size; ++i) {
    const auto arrive = [&t, &l, sender, i] {
      t.expect_equal("order of calls from one sender", l.last[sender], i - 1);
      l.last[sender] = i;
      ++l.arrived;
      t.did();
    };
    if (i % 2 == 0) {
      target.call_soon_threadsafe(arrive);
    } else {
      target.call_soon_threadsafe(arrive);
      co_await gyre::sleep(0ns);
    }
  }
}

gyre::coro<> call_order(trial& t) {
  constexpr std::size_t senders = 4;
  line l;
  l.last.resize(senders);
  gyre::event_loop& target = gyre::current_runtime().loop(t.random.between(0, t.loops - 1));
  std::vector<gyre::task<>> all;
  for (std::size_t i = 0; i < senders; ++i) {
    const gyre::task_options place{.pin = true,
                                   .loop = &gyre::current_runtime().loop(t.random.between(0, t.loops - 1))};
    all.push_back(gyre::create_task(place, send_calls, std::ref(t), std::ref(l), i, std::ref(target), alive(t)));
  }
  co_await gyre::gather(all);
  while (l.arrived.load() < senders * t.size) co_await gyre::sleep(0ns);
}

const registered all_hand_overs[] = {
    registered({"ping_pong", "two tasks hand a ball over by queue, semaphore, event", &ping_pong, nullptr, 200, 8}),
    registered({"travellers", "tasks move between loops and stay where they are pinned", &travellers, nullptr, 100, 4}),
    registered({"call_order", "callbacks of one sender arrive once and in order", &call_order, nullptr, 500, 20}),
};

}  // namespace
}  // namespace storm
