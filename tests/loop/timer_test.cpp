// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <gyre/base/clock.hpp>
#include <gyre/loop/timers.hpp>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace gyre;
using namespace gyre_test;

TEST_CASE("LOOP-005: call_later runs no earlier than its deadline", "[loop][timer]") {
  const auto loop = new_event_loop();
  const auto start = loop->now();
  event_loop::time_point ran;
  loop->call_later(3ms, [&] {
    ran = loop->now();
    loop->stop();
  });
  loop->run_forever();
  CHECK(ran - start >= 3ms);
}

TEST_CASE("FAULT-18, LOOP-006: a negative delay runs in the next iteration", "[loop][timer]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->call_later(-1ms, [&log] { log += "late "; });
  loop->call_later(-5ms, [&log] { log += "later "; });
  loop->stop();
  loop->run_forever();
  CHECK(log == "later late ");
}

TEST_CASE("LOOP-007: call_at uses the clock of now()", "[loop][timer]") {
  const auto loop = new_event_loop();
  const auto when = loop->now() + 2ms;
  bool early = true;
  const timer_handle h = loop->call_at(when, [&] {
    early = loop->now() < when;
    loop->stop();
  });
  CHECK(h.when() == when);
  loop->run_forever();
  CHECK_FALSE(early);
}

TEST_CASE("LOOP-008: timers run by deadline", "[loop][timer]") {
  const auto loop = new_event_loop();
  const auto start = loop->now();
  std::string log;
  for (const int order : {3, 1, 4, 2, 5, 0}) {
    loop->call_at(start - 1ms + std::chrono::microseconds(order), [&log, order] { log += std::to_string(order); });
  }
  loop->stop();
  loop->run_forever();
  CHECK(log == "012345");
}

TEST_CASE("LOOP-009: timers that are due run after the callbacks that were ready", "[loop][timer]") {
  const auto loop = new_event_loop();
  std::string log;
  loop->call_later(-1ms, [&log] { log += "timer "; });
  loop->call_soon([&log] { log += "soon "; });
  loop->stop();
  loop->run_forever();
  CHECK(log == "soon timer ");
}

TEST_CASE("LOOP-010: a cancelled timer does not run and lets its callback go", "[loop][timer]") {
  const auto loop = new_event_loop();
  const auto token = std::make_shared<int>(1);
  bool called = false;
  const timer_handle h = loop->call_later(1h, [&called, token] { called = true; });
  h.cancel();
  CHECK(h.cancelled());
  CHECK(token.use_count() == 1);
  loop->call_later(1ms, [&loop] { loop->stop(); });
  loop->run_forever();
  CHECK_FALSE(called);
}

TEST_CASE("LOOP-010: many timers, most of them cancelled", "[loop][timer]") {
  const auto loop = new_event_loop();
  int ran = 0;
  std::vector<timer_handle> handles;
  for (int i = 0; i < 1000; ++i) {
    handles.push_back(loop->call_later(std::chrono::microseconds(i), [&ran] { ++ran; }));
  }
  for (std::size_t i = 0; i < handles.size(); ++i) {
    if (i % 10 != 0) handles[i].cancel();
  }
  loop->call_later(3ms, [&loop] { loop->stop(); });
  loop->run_forever();
  CHECK(ran == 100);
}

TEST_CASE("LOOP-010: a timer may cancel another that is due in the same iteration", "[loop][timer]") {
  const auto loop = new_event_loop();
  std::string log;
  const auto start = loop->now();
  std::optional<timer_handle> second;
  loop->call_at(start - 2ms, [&] {
    log += "first ";
    second->cancel();
  });
  second = loop->call_at(start - 1ms, [&log] { log += "second "; });
  loop->stop();
  loop->run_forever();
  CHECK(log == "first ");
}

TEST_CASE("timer: a callback may queue timers", "[loop][timer]") {
  const auto loop = new_event_loop();
  int rounds = 0;
  std::function<void()> again = [&] {
    if (++rounds == 5) {
      loop->stop();
    } else {
      loop->call_later(100us, again);
    }
  };
  loop->call_later(0ms, again);
  loop->run_forever();
  CHECK(rounds == 5);
}

TEST_CASE("timer: a delay that is not a number is refused", "[loop][timer]") {
  const auto loop = new_event_loop();
  const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_AS(loop->call_later(nan, [] {}), value_error);
}

TEST_CASE("FAULT-20: a delay past the end of the clock never comes", "[loop][timer]") {
  const auto loop = new_event_loop();
  bool called = false;
  const timer_handle h = loop->call_later(std::chrono::hours::max(), [&called] { called = true; });
  loop->call_later(std::chrono::duration<double>(1e300), [&called] { called = true; });
  loop->call_later(1ms, [&loop] { loop->stop(); });
  loop->run_forever();
  CHECK_FALSE(called);
}

LOOP_TEST("LOOP-008: equal deadlines come in the order that CPython's heap gives them", "[loop][timer]") {
  std::string log;
  event_loop& loop = get_running_loop();
  loop.call_later(1ms, [&log] { log += "first "; });
  const auto when = loop.now() + 4ms;
  loop.call_at(when, [&log] { log += "a "; });
  loop.call_at(when, [&log] { log += "b "; });
  co_await sleep(8ms);
  CHECK(log == "first b a ");
}

LOOP_TEST("LOOP-050: a sleep is rounded up to a millisecond: timers due within it run in one iteration",
          "[loop][timer]") {
  std::string log;
  event_loop& loop = get_running_loop();
  loop.call_later(500us, [&] {
    log += "a ";
    loop.call_soon([&log] { log += "after a "; });
  });
  loop.call_later(900us, [&log] { log += "b "; });
  co_await sleep(5ms);
  CHECK(log == "a b after a ");
}

namespace {

using detail::timer_heap;

/// A timer that notes when it fires; one that is not direct is noted when it leaves the ring.
class noted_timer final : public detail::timer_node {
 public:
  using list = std::vector<const noted_timer*>;

  noted_timer(list& fired, bool direct) noexcept
      : timer_node(&note, [](runnable&, fate) noexcept {}, direct), fired_(fired) {}

  std::uint64_t order = 0;
  bool armed = false;

 private:
  static void note(timer_node& node) noexcept {
    auto& self = static_cast<noted_timer&>(node);
    self.fired_.push_back(&self);
  }

  list& fired_;
};

/// A loop's timers and, beside them, what they should do: by deadline, then by arrival.
class timers_beside_map {
 public:
  timers_beside_map(std::int64_t start, std::uint64_t seed)
      : now_(start), heap_(timer_heap::by_arrival(start)), dice_(seed) {
    for (int i = 0; i < 200; ++i) nodes_.push_back(std::make_unique<noted_timer>(fired_, i % 2 == 0));
  }
  ~timers_beside_map() {
    for (const auto& each : nodes_) heap_->disarm(*each);
  }

  void step() {
    noted_timer& node = *nodes_[dice_() % nodes_.size()];
    if (!node.armed) {
      arm(node);
    } else if (dice_() % 3 == 0) {
      take_back(node);
    } else if (dice_() % 4 == 0) {
      pass_time(dice_() % 2 == 0 ? heap_->next_deadline() : later(42));
    }
    REQUIRE(heap_->next_deadline() <= first());
  }
  void pass_the_rest() {
    while (!expected_.empty()) pass_time(heap_->next_deadline());
    REQUIRE(heap_->next_deadline() == detail::never);
  }

 private:
  using key = std::pair<std::int64_t, std::uint64_t>;

  [[nodiscard]] std::int64_t later(unsigned most_bits) {
    const unsigned bits = 1 + static_cast<unsigned>(dice_() % (most_bits - 1));
    return detail::deadline_after(now_, static_cast<std::int64_t>(dice_() >> (64 - bits)));
  }
  [[nodiscard]] std::int64_t first() const {
    return expected_.empty() ? detail::never : expected_.begin()->first.first;
  }

  void arm(noted_timer& node) {
    const std::int64_t before = std::min(heap_->next_deadline(), now_);
    const std::int64_t deadline = dice_() % 10 == 0 ? before : later(62);
    heap_->arm(node, deadline);
    node.order = arrivals_++;
    node.armed = true;
    expected_.emplace(key(deadline, node.order), &node);
  }
  void take_back(noted_timer& node) {
    REQUIRE(heap_->disarm(node));
    node.armed = false;
    expected_.erase(key(node.deadline(), node.order));
  }
  void pass_time(std::int64_t until) {
    if (until == detail::never) return;
    now_ = std::max(now_, until);
    noted_timer::list direct;
    noted_timer::list queued;
    while (!expected_.empty() && first() <= now_) {
      noted_timer* const node = expected_.begin()->second;
      (node->fires_directly() ? direct : queued).push_back(node);
      node->armed = false;
      expected_.erase(expected_.begin());
    }
    detail::intrusive_list<detail::runnable> ring;
    REQUIRE(heap_->fire_due(now_, ring) == (direct.size() + queued.size() > 0));
    REQUIRE(std::exchange(fired_, {}) == direct);
    while (!ring.empty()) fired_.push_back(static_cast<noted_timer*>(&ring.pop_front()));
    REQUIRE(std::exchange(fired_, {}) == queued);
    for (const auto& each : nodes_) {
      if (!each->armed) heap_->disarm(*each);  // their owners let them go
    }
  }

  std::int64_t now_;
  std::unique_ptr<timer_heap> heap_;
  std::mt19937_64 dice_;
  noted_timer::list fired_;
  std::vector<std::unique_ptr<noted_timer>> nodes_;
  std::map<key, noted_timer*> expected_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace

TEST_CASE("timer: by deadline, then by arrival, near or far, and whatever was taken back", "[loop][timer]") {
  const std::int64_t start = GENERATE(std::int64_t{0}, std::int64_t{1} << 22, std::int64_t{50'000'000'000'000});
  const std::uint64_t seed = GENERATE(std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3});
  timers_beside_map timers(start, seed);
  for (int i = 0; i < 5'000; ++i) timers.step();
  timers.pass_the_rest();
}

TEST_CASE("timer: one that another loop arms wakes the loop that it is for", "[loop][timer]") {
  const auto main = []() -> coro<bool> {
    event_loop& here = get_running_loop();
    const future<event_loop::time_point> due = here.create_future<event_loop::time_point>();
    const auto arm = [](event_loop& target, future<event_loop::time_point> f) -> coro<> {
      co_await settle(4);  // the other loop falls asleep
      const auto when = target.now() + 5ms;
      target.call_later(5ms, [f, when] { f.set_result(when); });
    };
    task_options there;
    there.pin = true;
    there.loop = &current_runtime().loop(1);
    const task<> arms = create_task(there, arm, std::ref(here), due);
    const auto when = co_await due;
    const bool in_time = here.now() == when;
    co_await arms;
    co_return in_time;
  };
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("simulation from seed " << seed);
    CHECK(gyre::testing::simulate(seed, run_options().loops(2), main()));
  }
}
