// SPDX-License-Identifier: BSL-1.0
// How long one turn goes on: what is looked at between turns must not wait for long, and turns are not ended for nothing.
#include <catch2/catch.hpp>

#include <gyre/core/offload_executor.hpp>
#include <gyre/gyre.hpp>

#include <vector>

#include "told_place.hpp"

using namespace gyre;
using namespace std::chrono_literals;

namespace {

/// Surroundings with a clock that only goes as told, and a sleeping place that notes when it is polled.
class told_surroundings final : public detail::platform, public gyre_test::told_place {
 public:
  told_surroundings() { detail::current_platform() = this; }
  ~told_surroundings() override { detail::current_platform() = nullptr; }
  told_surroundings(const told_surroundings&) = delete;
  told_surroundings& operator=(const told_surroundings&) = delete;

  void equip(detail::loop_setup& setup) override {
    setup.clock = this;
    setup.sleeper = this;
  }
  void adopt(detail::loop_core&) override {}
  void forget(detail::loop_core&) noexcept override {}
  std::uint64_t seed() override { return 1; }
  std::shared_ptr<offload_executor> make_executor() override { return nullptr; }
  std::uint64_t choose(std::uint64_t) override { return 0; }
  void note(std::uint64_t) noexcept override {}
  const time_source& clock() const noexcept override { return *this; }

  std::int64_t now() const noexcept override {
    ++looks;
    return time;
  }
  bool poll() override {
    if (steps != 0) steps_before_poll.push_back(steps);
    return false;
  }

  mutable int looks = 0;  // at the clock
  int steps = 0;
  std::vector<int> steps_before_poll;
};

coro<int> tree(int depth) {
  if (depth == 0) co_return 1;
  const auto [left, right] = co_await gather(tree(depth - 1), tree(depth - 1));
  co_return left + right;
}

run_options one_loop() { return run_options().loops(1).order(run_order::fork_join); }

}  // namespace

TEST_CASE("C8: a turn of fork-joins goes on while a timer is armed that is not due", "[loop][fairness]") {
  told_surroundings here;
  const auto main = [](told_surroundings& at) -> coro<int> {
    const auto handle = get_running_loop().call_later(1h, [] {});
    const int before = at.looks;
    static_cast<void>(co_await tree(12));
    handle.cancel();
    co_return at.looks - before;
  };
  // One look at the clock in 61 transfers, of which there is one for each of 8,190 children; a new turn looks again.
  const int looks = gyre::run(main(here), one_loop());
  CHECK(looks > 100);
  CHECK(looks < 200);
}

TEST_CASE("C8: steps that get long in the middle of a turn do not keep I/O waiting", "[loop][fairness]") {
  told_surroundings here;
  here.io = true;
  const int short_steps = GENERATE(0, 1, 5, 20, 50);
  const auto main = [](told_surroundings& at, int quick) -> coro<> {
    const auto step = [](told_surroundings& around, int short_ones) -> coro<> {
      if (++around.steps > short_ones) around.time += 3'000'000;
      co_return;
    };
    std::vector<task<>> all;
    for (int i = 0; i < 60; ++i) all.push_back(create_task(step, std::ref(at), quick));
    for (const task<>& each : all) co_await each;
  };
  gyre::run(main(here, short_steps), one_loop());
  CHECK(here.steps == 60);
  REQUIRE(!here.steps_before_poll.empty());
  CHECK(here.steps_before_poll.front() > short_steps);
  CHECK(here.steps_before_poll.front() <= short_steps + 7);
}

TEST_CASE("C8: in asyncio's order I/O is polled once in 61 turns of ready callbacks, or 50 us", "[loop][fairness]") {
  struct pace {
    std::int64_t a_turn;  // ns
    int turns_a_poll;
  };
  const pace p = GENERATE(pace{0, 61}, pace{833, 61}, pace{834, 60}, pace{9'999, 6}, pace{10'000, 5}, pace{50'000, 1});
  told_surroundings here;
  here.io = true;
  const auto main = [](told_surroundings& at, std::int64_t takes) -> coro<> {
    for (int i = 0; i < 200; ++i) {
      ++at.steps;
      at.time += takes;
      co_await sleep(0ns);
    }
  };
  gyre::run(main(here, p.a_turn), run_options().loops(1).order(run_order::asyncio));
  const std::vector<int>& polls = here.steps_before_poll;
  REQUIRE(polls.size() >= 3);
  for (std::size_t i = 2; i < 200U / static_cast<unsigned>(p.turns_a_poll); ++i) {
    INFO("a turn takes " << p.a_turn << " ns, poll " << i);
    CHECK(polls[i] - polls[i - 1] == p.turns_a_poll);
  }
}
