// SPDX-License-Identifier: BSL-1.0
#include "../loop/platform.hpp"
#include "../loop/wait_report.hpp"

#include <gyre/base/rng.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/runtime/offload.hpp>
#include <gyre/testing/simulation.hpp>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace gyre::testing {
namespace {

using detail::loop_core;
using detail::never;

constexpr std::int64_t start_of_time = 1'000'000'000;  // ns; not 0, so that "earlier" exists

// Where a simulated loop sleeps: a mark that it was woken, and when its alarm goes off.
class bed final : public detail::parker {
 public:
  void wait(std::int64_t) override {}
  bool wake() noexcept override { return !std::exchange(woken, true); }
  void wake_at(std::int64_t deadline) noexcept override { alarm = std::min(alarm, deadline); }
  bool poll() override { return false; }
  [[nodiscard]] bool has_io() const noexcept override { return false; }

  loop_core* loop = nullptr;
  bool woken = false;
  bool asleep = false;
  std::int64_t alarm = never;
};

// Functions given to to_thread: run by the simulation, one at a time, when the seed says so.
class simulated_pool final : public offload_executor {
 public:
  void execute(offload_work work) override {
    if (closed_) throw error("cannot schedule new futures after shutdown");
    waiting_.push_back(std::move(work));
  }
  bool shutdown(std::chrono::steady_clock::time_point) override {
    closed_ = true;
    while (run_one()) {
    }
    return true;
  }
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  bool run_one() {
    if (waiting_.empty()) return false;
    offload_work work = std::move(waiting_.front());
    waiting_.pop_front();
    const detail::thread_state before = std::exchange(detail::this_thread(), detail::thread_state());
    work();
    detail::this_thread() = before;
    return true;
  }

 private:
  std::deque<offload_work> waiting_;
  bool closed_ = false;
};

std::uint64_t* trace_sum = nullptr;  // of the simulation that runs; simulations of several threads do not trace at once

void add_to_trace(detail::trace_event event, detail::task_core& t) noexcept {
  const auto& where = static_cast<loop_core&>(t.at());
  *trace_sum = (*trace_sum ^ (static_cast<std::uint64_t>(event) + 16 * where.index + 1)) * 0x100000001b3ULL;
}

}  // namespace

class simulation::world final : public detail::platform, public detail::loop_driver, public time_source {
 public:
  explicit world(std::uint64_t seed) noexcept : choices_(seed) {
    outer_ = std::exchange(detail::current_platform(), this);
    trace_sum = &trace;
    detail::trace_target.store(&add_to_trace, std::memory_order_release);
  }
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  ~world() override {
    detail::trace_target.store(nullptr, std::memory_order_release);
    trace_sum = nullptr;
    detail::current_platform() = outer_;
  }

  [[nodiscard]] std::int64_t now() const noexcept override { return now_; }

  // platform
  void equip(detail::loop_setup& setup) override {
    beds_.push_back(std::make_unique<bed>());
    setup.clock = this;
    setup.sleeper = beds_.back().get();
    setup.driver = this;
  }
  void adopt(loop_core& l) override { bed_of(l).loop = &l; }
  void forget(loop_core& l) noexcept override {
    std::erase_if(beds_, [&l](const auto& each) { return each->loop == &l; });
  }
  [[nodiscard]] std::uint64_t seed() override { return choices_.next(); }
  [[nodiscard]] std::shared_ptr<offload_executor> make_executor() override {
    auto made = std::make_shared<simulated_pool>();
    pools_.push_back(made);
    return made;
  }

  // loop_driver: the loops of `target`'s runtime take turns until it is to stop.
  void drive(loop_core& target) override {
    while (true) {
      const std::vector<bed*> ready = awake_loops(target);
      const bool offload = pool_waits();
      if (!ready.empty() || offload) {
        const std::size_t pick = choices_.below(ready.size() + (offload ? 1 : 0));
        if (pick == ready.size()) {
          run_offloaded();
        } else {
          take_turn(*ready[pick], target);
        }
      } else {
        advance(target);
      }
      if (target.stop_requested.load(std::memory_order_acquire)) return;
    }
  }

  std::uint64_t trace = 0xcbf29ce484222325ULL;

 private:
  [[nodiscard]] bed& bed_of(const loop_core& l) {
    for (const auto& each : beds_) {
      if (each.get() == &const_cast<loop_core&>(l).sleep_place()) return *each;
    }
    throw error("simulation: a loop that was not made by it");
  }

  std::vector<bed*> awake_loops(const loop_core& target) {
    std::vector<bed*> awake;
    for (const auto& each : beds_) {
      if (each->loop == nullptr || each->loop->family() != target.family() || each->loop->closed()) continue;
      if (each->asleep && (each->woken || each->alarm <= now_)) get_up(*each);
      if (!each->asleep) awake.push_back(each.get());
    }
    return awake;
  }

  void get_up(bed& b) {
    b.asleep = b.woken = false;
    b.alarm = never;
    as_loop(*b.loop, [&b] { b.loop->awoken(); });
  }

  template <class F>
  void as_loop(loop_core& l, F&& f) {
    const detail::thread_state before = std::exchange(detail::this_thread(), l.own_thread_state());
    f();
    detail::this_thread() = before;
  }

  void take_turn(bed& b, const loop_core& target) {
    loop_core& l = *b.loop;
    l.setup().steps_a_turn = choices_.below(4) == 0 ? 61 : static_cast<int>(1 + choices_.below(8));
    if (&l != &target) l.stop_requested.store(false, std::memory_order_relaxed);  // as runtime_core::run_thread
    as_loop(l, [&] {
      if (l.turn()) return;
      std::int64_t deadline = never;
      b.woken = false;
      if (!l.prepare_park(deadline)) return;
      b.asleep = true;
      b.alarm = std::min(b.alarm, deadline);
    });
  }

  [[nodiscard]] bool pool_waits() {
    std::erase_if(pools_, [](const auto& each) { return each.expired(); });
    return std::any_of(pools_.begin(), pools_.end(), [](const auto& each) { return !each.lock()->empty(); });
  }
  void run_offloaded() {
    for (const auto& each : pools_) {
      if (const auto pool = each.lock(); pool != nullptr && pool->run_one()) return;
    }
  }

  // Nothing can run: the clock jumps to the next alarm.
  void advance(loop_core& target) {
    std::int64_t next = never;
    for (const auto& each : beds_) {
      if (each->loop != nullptr && each->loop->family() == target.family()) next = std::min(next, each->alarm);
    }
    if (next == never) report_deadlock(target);
    now_ = std::max(now_, next);
  }

  [[noreturn]] static void report_deadlock(loop_core& target) {
    throw would_deadlock(detail::describe_deadlock(target));
  }

  detail::rng choices_;
  std::int64_t now_ = start_of_time;
  std::vector<std::unique_ptr<bed>> beds_;
  std::vector<std::weak_ptr<simulated_pool>> pools_;
  detail::platform* outer_ = nullptr;
};

simulation::simulation(std::uint64_t seed) : world_(std::make_unique<world>(seed)) {}
simulation::~simulation() = default;
std::uint64_t simulation::trace_hash() const noexcept { return world_->trace; }
std::chrono::nanoseconds simulation::elapsed() const noexcept {
  return std::chrono::nanoseconds(world_->now() - start_of_time);
}

coro<> settle() {
  // Chains of wake-ups take a turn each: this is longer than any that a test builds.
  constexpr int turns = 64;
  for (int i = 0; i < turns; ++i) co_await sleep(std::chrono::nanoseconds(0));
}

}  // namespace gyre::testing
