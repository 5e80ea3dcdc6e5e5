// SPDX-License-Identifier: BSL-1.0
// The heap of timers by itself, against a sorted list: what is due, in which order, and what is left.
#include "allocations.hpp"

#include <catch2/catch.hpp>
#include <gyre/base/rng.hpp>
#include <gyre/loop/event_loop.hpp>
#include <gyre/loop/timers.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

using namespace gyre::detail;

namespace {

constexpr std::int64_t never_due = std::numeric_limits<std::int64_t>::max();

struct numbered_timer final : timer_node {
  numbered_timer(int n, std::vector<int>& fired, bool direct) noexcept
      : timer_node(&fire, &take_turn, direct), number(n), log(fired) {}
  static void fire(timer_node& node) noexcept {
    auto& self = static_cast<numbered_timer&>(node);
    self.log.push_back(self.number);
  }
  static void take_turn(runnable& r, fate) noexcept { fire(static_cast<numbered_timer&>(r)); }

  int number;
  std::vector<int>& log;
};

/// Timers that are armed, the earliest first; of two with the same deadline, the one that was armed first.
class bench {
 public:
  /// Deadlines are multiples of `unit`: small ones meet in the heap, large ones in the wheel.
  explicit bench(std::uint64_t seed, std::int64_t unit) noexcept : random_(seed), unit_(unit) {}

  void arm() {
    const bool direct = random_.below(3) != 0;
    timers_.push_back(std::make_unique<numbered_timer>(static_cast<int>(timers_.size()), fired_, direct));
    numbered_timer& timer = *timers_.back();
    heap_->arm(timer, now_ + static_cast<std::int64_t>(random_.below(20)) * unit_);
    const auto later = std::find_if(armed_.begin(), armed_.end(),
                                    [&timer](const timer_node* each) { return each->deadline() > timer.deadline(); });
    armed_.insert(later, &timer);
  }
  void take_back() {
    if (armed_.empty()) return;
    const auto at = armed_.begin() + static_cast<std::ptrdiff_t>(random_.below(armed_.size()));
    REQUIRE(heap_->disarm(**at));
    REQUIRE_FALSE(heap_->disarm(**at));
    armed_.erase(at);
  }
  void let_time_pass() { now_ += static_cast<std::int64_t>(random_.below(8)) * unit_; }

  void fire_here() {
    std::vector<int> direct;
    std::vector<int> queued;
    while (!armed_.empty() && armed_.front()->deadline() <= now_) {
      (armed_.front()->fires_directly() ? direct : queued).push_back(armed_.front()->number);
      armed_.pop_front();
    }
    intrusive_list<runnable> ring;
    REQUIRE(heap_->fire_due(now_, ring) == (!direct.empty() || !queued.empty()));
    REQUIRE(fired_ == direct);
    for (const int n : direct)
      REQUIRE_FALSE(heap_->disarm(*timers_[static_cast<std::size_t>(n)]));  // its firing is over
    fired_.clear();
    while (!ring.empty()) ring.pop_front().run();
    REQUIRE(fired_ == queued);
    fired_.clear();
  }
  /// As another loop does while this one is stuck: the direct ones alone, in any order.
  void fire_elsewhere() {
    std::vector<int> direct;
    const auto goes = [&](const numbered_timer* each) {
      const bool due = each->fires_directly() && each->deadline() <= now_;
      if (due) direct.push_back(each->number);
      return due;
    };
    armed_.erase(std::remove_if(armed_.begin(), armed_.end(), goes), armed_.end());
    REQUIRE(heap_->fire_due_elsewhere(now_) == !direct.empty());
    std::sort(direct.begin(), direct.end());
    std::sort(fired_.begin(), fired_.end());
    REQUIRE(fired_ == direct);
    fired_.clear();
  }
  void check_next() const {
    const std::int64_t first = armed_.empty() ? never_due : armed_.front()->deadline();
    if (unit_ == 1 || armed_.empty()) {
      REQUIRE(heap_->next_deadline() == first);
    } else {
      REQUIRE(heap_->next_deadline() <= first);  // one that was taken back may have left its mark in a slot
    }
  }
  [[nodiscard]] std::uint64_t choose(std::uint64_t n) noexcept { return random_.below(n); }

 private:
  rng random_;
  std::int64_t unit_;
  std::int64_t now_ = 0;
  std::vector<std::unique_ptr<numbered_timer>> timers_;
  std::deque<numbered_timer*> armed_;
  std::vector<int> fired_;
  std::unique_ptr<timer_heap> heap_ = timer_heap::by_arrival(0);
};

/// `n` timers of five deadlines, of which every second one, and then every other one too, is taken back: the order in which
/// the first ten of those that are left come due.
std::vector<int> order_of_cpython(int n, int cancelled) {
  const std::unique_ptr<timer_heap> heap = timer_heap::as_cpython();
  std::vector<int> fired;
  std::deque<numbered_timer> timers;
  for (int i = 0; i < n; ++i) heap->arm(timers.emplace_back(i, fired, false), 1'000 + i * 7 % 5);
  for (int i = 0; i < cancelled; ++i) {
    const int which = 2 * i < n ? 2 * i : 2 * i % n + 1;
    REQUIRE(heap->disarm(timers[static_cast<std::size_t>(which)]));
  }
  intrusive_list<runnable> ring;
  REQUIRE_FALSE(heap->fire_due(500, ring));
  REQUIRE(heap->fire_due(2'000, ring));
  while (!ring.empty()) ring.pop_front().run();
  REQUIRE(fired.size() == static_cast<std::size_t>(n - cancelled));
  return {fired.begin(), fired.begin() + 10};
}

/// Fires for some time, on whatever thread finds it due.
struct slow_timer final : timer_node {
  slow_timer() noexcept : timer_node(&fire, &take_turn, true) {}
  static void fire(timer_node& node) noexcept {
    auto& self = static_cast<slow_timer&>(node);
    self.begun = true;
    for (int i = 0; i < 200; ++i) std::this_thread::yield();
    self.ended = true;
  }
  static void take_turn(runnable&, fate) noexcept {}

  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};
};

}  // namespace

TEST_CASE("timers: who disarms one that is firing waits for the end of that", "[loop][timer]") {
  const std::unique_ptr<timer_heap> heap = timer_heap::by_arrival(0);
  for (int round = 0; round < 10; ++round) {
    slow_timer timer;
    heap->arm(timer, 0);
    std::thread other([&heap] { heap->fire_due_elsewhere(0); });
    while (!timer.begun) std::this_thread::yield();
    CHECK_FALSE(heap->disarm(timer));
    CHECK(timer.ended);
    other.join();
  }
}

TEST_CASE("timers: what is taken back far from now leaves no alarm behind", "[loop][timer]") {
  constexpr std::int64_t tick = std::int64_t{1} << 22U;
  const std::unique_ptr<timer_heap> heap = timer_heap::by_arrival(0);
  std::vector<int> fired;
  numbered_timer first(0, fired, true);
  numbered_timer second(1, fired, true);
  heap->arm(first, 10 * tick);
  heap->arm(second, 20 * tick);
  CHECK(heap->next_deadline() == 10 * tick);
  CHECK(heap->disarm(first));
  CHECK(heap->next_deadline() == 20 * tick);
  CHECK(heap->disarm(second));
  CHECK(heap->next_deadline() == never_due);
}

TEST_CASE("timers: those that come and go need no more memory", "[loop][timer]") {
  constexpr std::int64_t tick = std::int64_t{1} << 22U;
  const std::unique_ptr<timer_heap> heap = timer_heap::by_arrival(0);
  std::vector<int> fired;
  numbered_timer timer(0, fired, true);
  const auto come_and_go = [&] {
    heap->arm(timer, 10 * tick);
    static_cast<void>(heap->disarm(timer));
    heap->arm(timer, 0);
    static_cast<void>(heap->disarm(timer));
  };
  come_and_go();
  const gyre_test::allocation_counter counted;
  for (int i = 0; i < 100; ++i) come_and_go();
  const long made = counted.count();
  CHECK(made == 0);
}

TEST_CASE("timers: calls that are cancelled need no more memory", "[loop][timer]") {
  const auto loop = gyre::new_event_loop();
  const auto come_and_go = [&loop] {
    for (int i = 0; i < 1'000; ++i) loop->call_later(std::chrono::hours(1), [] {}).cancel();
  };
  come_and_go();
  const gyre_test::allocation_counter counted;
  for (int i = 0; i < 20; ++i) come_and_go();
  const long made = counted.count();
  CHECK(made < 20);  // of CPython's heap, which keeps some of them for a while
}

TEST_CASE("timers: a heap does what a sorted list does", "[loop][timer]") {
  constexpr std::int64_t tick = std::int64_t{1} << 22U;
  constexpr std::int64_t units[] = {1, tick / 3, tick, 13 * tick, 256 * tick, 5'000 * tick};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const std::int64_t unit = units[seed % std::size(units)];
    INFO("seed " << seed << ", unit " << unit);
    bench b(seed, unit);
    for (int step = 0; step < 300; ++step) {
      switch (b.choose(8)) {
        case 0:
          b.let_time_pass();
          b.fire_here();
          break;
        case 1:
          b.let_time_pass();
          b.fire_elsewhere();
          break;
        case 2:
          b.take_back();
          break;
        default:
          b.arm();
          break;
      }
      b.check_next();
    }
  }
}

// The expected orders are those of CPython's base_events.py with heapq, 3.13.
TEST_CASE("timers: in CPython's order cancelled ones leave when they are more than a half of over a hundred",
          "[loop][timer]") {
  using order = std::vector<int>;
  CHECK(order_of_cpython(100, 60) == order{55, 25, 95, 45, 85, 35, 75, 65, 23, 53});
  CHECK(order_of_cpython(101, 51) == order{95, 45, 25, 5, 85, 35, 15, 75, 65, 55});
  CHECK(order_of_cpython(102, 51) == order{5, 55, 25, 95, 45, 85, 15, 35, 75, 65});
  CHECK(order_of_cpython(102, 52) == order{95, 45, 25, 5, 85, 35, 15, 75, 65, 55});
}
