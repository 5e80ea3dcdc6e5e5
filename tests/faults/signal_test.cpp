// SPDX-License-Identifier: BSL-1.0
// Signals in masses, through Asio's signal_set.
#include "loop_test.hpp"

#include <boost/asio/signal_set.hpp>
#include <gyre/asio.hpp>

#include <csignal>

using namespace gyre;
using namespace gyre_test;

namespace {

struct tally {
  int first = 0;
  int second = 0;
  boost::asio::signal_set* set = nullptr;
};

// Reacts to SIGUSR1 by listening to SIGUSR2 as well.
coro<> count_signals(tally& seen) {
  for (;;) {
    const int signal = co_await seen.set->async_wait(use_gyre);
    if (signal == SIGUSR1) {
      if (seen.first++ == 0) seen.set->add(SIGUSR2);
    } else {
      ++seen.second;
    }
  }
}

// The loop's turn ends, and its reactor is looked at, as often as it takes.
template <class F>
coro<> until(F reached) {
  while (!reached()) co_await sleep(1ms);
}

}  // namespace

TEST_CASE("FAULT-35: a storm of signals is coalesced, blocks nobody and does not hide the next one", "[faults]") {
  for (const int loops : {1, 4}) {
    const auto main = [](tally& seen) -> coro<> {
      boost::asio::signal_set set(native_context(), SIGUSR1);
      seen.set = &set;
      const task_options here{.name = "signals", .pin = true};
      const task<> counting = create_task(count_signals(seen), here);
      co_await sleep(0ns);
      constexpr int storm = 100'000;
      for (int i = 0; i < storm; ++i) std::raise(SIGUSR1);
      const auto some = [&seen] { return seen.first > 0; };
      co_await until(some);
      for (int before = -1; before != seen.first;) {  // what the pipe still holds
        before = seen.first;
        co_await sleep(5ms);
      }
      CHECK(seen.first <= storm);
      const int counted = seen.first;
      std::raise(SIGUSR1);
      std::raise(SIGUSR2);
      const auto both = [&seen, counted] { return seen.first > counted && seen.second > 0; };
      co_await until(both);
      counting.cancel();
      static_cast<void>(co_await wait(counting));
      set.clear();
    };
    tally seen;
    run(main(seen), run_options().loops(loops));
    CHECK(seen.second == 1);
  }
}
