// SPDX-License-Identifier: BSL-1.0
// What a loop looks at when its search for work ends, and whom it wakes then.
#include "loop_test.hpp"

#include "loop/loop_core.hpp"
#include "runtime/runtime_core.hpp"

#include <cstdint>

using namespace gyre;
using namespace gyre_test;
using gyre::testing::sim_options;
using gyre::testing::simulate;

namespace {

coro<> nothing() { co_return; }

std::uint64_t bells() { return current_runtime().stats().doorbells; }

/// How often somebody is woken when a search ends after `prepare`. The other loop sleeps.
template <class Prepare>
std::uint64_t bells_at_end_of_search(Prepare prepare, bool more) {
  return simulate(1, sim_options().loops(2), [&]() -> coro<std::uint64_t> {
    detail::loop_core& here = get_running_loop().core();
    co_await sleep(1s);
    gyre::testing::expect(here.setup().peers->begin_search(here), "nobody else searches");
    prepare(here);
    const std::uint64_t before = bells();
    here.setup().peers->found_work(here, more);
    co_return bells() - before;
  });
}

}  // namespace

TEST_CASE("search: who finds work wakes another one if there is more", "[runtime][search]") {
  const auto none = [](detail::loop_core&) {};
  CHECK(bells_at_end_of_search(none, true) == 1);
  CHECK(bells_at_end_of_search(none, false) == 0);
}

TEST_CASE("search: a task that was pushed while one searched is its own to run, or another one's",
          "[runtime][search]") {
  const auto push_here = [](detail::loop_core&) { static_cast<void>(create_task(nothing())); };
  CHECK(bells_at_end_of_search(push_here, false) == 0);
  const auto push_two = [](detail::loop_core& here) {
    static_cast<void>(create_task(nothing()));
    static_cast<void>(create_task(nothing()));
    gyre::testing::expect(here.ready.size() == 2, "both are in its queue");
  };
  CHECK(bells_at_end_of_search(push_two, true) == 1);
  const auto push_there = [](detail::loop_core& here) {
    detail::loop_core& other = current_runtime().loop(1).core();
    detail::this_thread().loop = &other;
    static_cast<void>(create_task(nothing()));
    detail::this_thread().loop = &here;
  };
  CHECK(bells_at_end_of_search(push_there, false) == 1);
}
