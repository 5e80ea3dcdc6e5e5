// SPDX-License-Identifier: BSL-1.0
// A loop of several: what it tells the others, whom it lets go first, when it looks up from its work. The others are played.
#include <catch2/catch.hpp>

#include <gyre/gyre.hpp>

#include <loop/loop_core.hpp>
#include <string>
#include <utility>
#include <vector>

#include "told_place.hpp"

using namespace gyre;
using namespace std::chrono_literals;

namespace {

/// One loop, which believes that another one sleeps. The clock goes as told.
class among_peers final : public detail::peer_group, public gyre_test::told_place {
 public:
  explicit among_peers(int steps_a_turn = 61) : loop_(setup(steps_a_turn)) {}

  template <class T>
  T run(coro<T> main) {
    return loop_.run_until_complete(std::move(main));
  }
  event_loop& loop() { return loop_; }
  detail::loop_core& core() { return loop_.core(); }

  int told = 0;             // how often somebody was to be woken
  std::vector<bool> more;   // what ends of searches said
  std::vector<int> polled;  // how many steps there had been
  int steps = 0;

  // parker
  bool poll() override {
    polled.push_back(steps);
    return false;
  }
  // peer_group
  detail::stolen steal(detail::loop_core&) override { return {}; }
  void work_added() noexcept override { ++told; }
  std::int64_t about_to_sleep(detail::loop_core&) override { return detail::never; }
  void awake(detail::loop_core&, bool) noexcept override {}
  void starts_work(detail::loop_core&) noexcept override {}
  bool begin_search(detail::loop_core&) noexcept override { return false; }
  bool anything_to_steal() const noexcept override { return false; }
  void found_work(detail::loop_core& l, bool has_more) noexcept override {
    l.searching = false;
    more.push_back(has_more);
  }
  void for_each_loop(void (*each)(detail::loop_core&, void*), void* context) override { each(core(), context); }
  void look_after_others(detail::loop_core&) override {}
  bool look_between_turns(detail::loop_core&, std::int64_t) override { return false; }
  detail::loop_core* awaited_loop() noexcept override { return &core(); }

 private:
  detail::loop_setup setup(int steps_a_turn) {
    detail::loop_setup with;
    with.clock = this;
    with.asyncio_order = false;
    with.peers = this;
    with.sleeper = this;
    with.steps_a_turn = steps_a_turn;
    with.idle = &idle_;
    return with;
  }

  const std::atomic<std::uint64_t> idle_{1 | detail::idle_bits::one_unparked};
  event_loop loop_;
};

// A task that may be stolen; one that a pinned task makes would be pinned, too.
template <class T>
task<T> make_free(coro<T> body) {
  detail::task_core*& current = detail::this_thread().current;
  detail::task_core* const me = std::exchange(current, nullptr);
  task<T> made = create_task(std::move(body));
  current = me;
  return made;
}

coro<> nothing() { co_return; }
coro<> note(std::string& log, char what) {
  log += what;
  co_return;
}

coro<int> tree(int depth) {
  if (depth == 0) co_return 1;
  const auto [left, right] = co_await gather(tree(depth - 1), tree(depth - 1));
  co_return left + right;
}

}  // namespace

TEST_CASE("peers: a search ends with one ready task to spare, unless something pinned runs first", "[loop][peers]") {
  among_peers here(1);
  const auto main = [](among_peers& at, bool yields) -> coro<> {
    const task<> free = make_free(nothing());
    at.core().searching = true;
    if (yields) co_await sleep(0ns);
    co_await free;
  };
  here.run(main(here, true));
  REQUIRE(here.more.size() == 1);
  CHECK(here.more[0]);
  here.run(main(here, false));
  REQUIRE(here.more.size() == 2);
  CHECK_FALSE(here.more[1]);
}

TEST_CASE("peers: a turn of fork-joins is not made longer while somebody counts on its end", "[loop][peers]") {
  among_peers here;
  const auto main = [](among_peers& at) -> coro<> {
    const auto goes_on = [&at] { return at.core().extend_turn(detail::this_thread()); };
    CHECK(goes_on());
    at.core().searching = true;
    CHECK_FALSE(goes_on());
    at.core().searching = false;
    CHECK(goes_on());
    at.loop().set_debug(true);
    CHECK_FALSE(goes_on());
    at.loop().set_debug(false);
    const auto handle = at.loop().call_later(10us, [] {});
    CHECK(goes_on());
    at.time += 9'000;
    CHECK(goes_on());
    at.time += 1'000;
    CHECK_FALSE(goes_on());
    handle.cancel();
    CHECK(goes_on());
    const auto later = at.loop().call_later(1h, [] {});
    at.time += 39'999;
    CHECK(goes_on());
    at.time += 1;  // 50 us since the last look
    CHECK_FALSE(goes_on());
    later.cancel();
    const task<> ready = make_free(nothing());
    CHECK_FALSE(goes_on());
    co_await ready;
  };
  here.run(main(here));
}

TEST_CASE("peers: what is put back when a turn is over is told to those who sleep", "[loop][peers]") {
  among_peers here(1);
  const auto main = [](among_peers& at) -> coro<int> {
    const task<int> root = make_free(tree(1));
    at.told = 0;
    while (!root.done()) co_await sleep(0ns);  // something waits, so that no turn is made longer
    co_return root.result();
  };
  CHECK(here.run(main(here)) == 2);
  CHECK(here.told == 3);  // of the second child at first, then when the first one has ended; and of the parent
}

TEST_CASE("peers: each queue has a quarter of the turn before the next", "[loop][peers]") {
  among_peers here;
  const auto main = [](among_peers& at, std::string& log) -> coro<> {
    std::vector<task<>> all;
    for (int i = 0; i < 40; ++i) {
      all.push_back(make_free(note(log, 'f')));
      at.loop().call_soon([&log] { log += 'p'; });
    }
    for (const task<>& each : all) co_await each;
  };
  std::string log;
  here.run(main(here, log));
  const std::string free(15, 'f'), pinned(15, 'p');
  CHECK(log == free + pinned + free + pinned + std::string(10, 'f') + std::string(10, 'p'));
}

TEST_CASE("peers: a queue runs dry when its last task is taken", "[loop][peers]") {
  among_peers here;
  const auto main = [](among_peers& at) -> coro<> {
    const std::uint64_t before = at.core().times_dry();
    const task<> alone = make_free(nothing());
    co_await alone;
    CHECK(at.core().times_dry() == before + 1);
    const task<> first = make_free(nothing());
    const task<> second = make_free(nothing());
    co_await first;
    co_await second;
    CHECK(at.core().times_dry() == before + 2);
  };
  here.run(main(here));
}

TEST_CASE("peers: turns get shorter while steps are long, and longer again", "[loop][peers]") {
  among_peers here;
  here.io = true;
  const auto step = [](among_peers& at, std::int64_t takes) -> coro<> {
    ++at.steps;
    at.time += takes;
    co_return;
  };
  const auto main = [](among_peers& at, auto body) -> coro<> {
    std::vector<task<>> all;
    for (int i = 0; i < 200; ++i) all.push_back(make_free(body(at, i < 40 ? 2'000'000 : 60'000)));
    for (const task<>& each : all) co_await each;
  };
  here.run(main(here, step));
  // Where turns ended: after 6 steps, where the clock is looked at; then a half as many each time.
  const std::vector<int> first{0, 6, 13, 18, 22, 23, 24};
  REQUIRE(here.polled.size() > 30);
  CHECK(std::vector<int>(here.polled.begin(), here.polled.begin() + 7) == first);
  const auto after_40 = std::find(here.polled.begin(), here.polled.end(), 40);
  REQUIRE(here.polled.end() - after_40 > 6);
  CHECK(after_40 - here.polled.begin() == 22);  // one step each from 22 to 40
  CHECK(std::vector<int>(after_40, after_40 + 5) == std::vector<int>{40, 41, 43, 49, 61});
}

TEST_CASE("peers: a loop that is to stop does so after the step", "[loop][peers]") {
  among_peers here;
  std::string log;
  here.loop().call_soon([&] {
    log += "stops ";
    here.loop().stop();
  });
  here.loop().call_soon([&] { log += "later"; });
  here.loop().run_forever();
  CHECK(log == "stops ");
  here.run(nothing());
  CHECK(log == "stops later");
}
