// SPDX-License-Identifier: BSL-1.0
// Threads that submit and cancel while the runtime is stopped under them; runtimes that start and stop.
// GYRE_STRESS=N makes it N times as long, GYRE_SEED=S repeats a run's choices.
#include "loop_test.hpp"

#include <gyre/base/rng.hpp>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

constexpr int submitters = 8;
constexpr int cancellers = 2;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

/// Counts what lives, and how often each coroutine has begun.
struct ledger {
  explicit ledger(std::size_t size) : begun(size) {}
  std::vector<std::atomic<std::uint8_t>> begun;
  std::atomic<std::int64_t> frames{0};
};

class frame_count {
 public:
  explicit frame_count(ledger& l) noexcept : ledger_(&l) { ++ledger_->frames; }
  frame_count(frame_count&& other) noexcept : ledger_(other.ledger_) { ++ledger_->frames; }
  frame_count& operator=(frame_count&&) = delete;
  ~frame_count() { --ledger_->frames; }

 private:
  ledger* ledger_;
};

coro<std::size_t> work(frame_count counted, ledger& l, std::size_t i) {
  l.begun[i].fetch_add(1);
  if (i % 3 == 0) co_await sleep(0ns);
  if (i % 7 == 0) co_await sleep(50us);
  if (i % 11 == 0) {
    const auto [a, b] = co_await gather(sleep(0ns, i), sleep(0ns, i));
    static_cast<void>(a + b);
  }
  if (i % 101 == 0) co_await sleep(1h);  // somebody cancels it, or the end does
  static_cast<void>(counted);
  co_return i;
}

/// The futures that may be cancelled, a few at a time.
class board {
 public:
  void put(std::uint64_t at, const blocking_future<std::size_t>& f) {
    const std::lock_guard hold(guard_);
    slots_[at % slots_.size()] = std::make_unique<blocking_future<std::size_t>>(f);
  }
  void cancel(std::uint64_t at) {
    std::unique_ptr<blocking_future<std::size_t>> chosen;
    {
      const std::lock_guard hold(guard_);
      chosen = std::move(slots_[at % slots_.size()]);
    }
    if (chosen != nullptr) chosen->cancel();
  }

 private:
  std::mutex guard_;
  std::vector<std::unique_ptr<blocking_future<std::size_t>>> slots_ =
      std::vector<std::unique_ptr<blocking_future<std::size_t>>>(64);
};

struct tally {
  std::atomic<std::uint64_t> values{0};
  std::atomic<std::uint64_t> cancelled{0};
  std::atomic<std::uint64_t> closed{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> wrong{0};
};

void count_end(const blocking_future<std::size_t>& f, std::size_t expected, tally& ends) {
  try {
    if (f.result() == expected) {
      ++ends.values;
    } else {
      ++ends.wrong;
    }
  } catch (const cancelled_error&) {
    ++ends.cancelled;
  } catch (const loop_closed&) {
    ++ends.closed;
  }
}

void submit_all(runtime& r, ledger& l, std::size_t first, std::size_t count, std::uint64_t seed, board& shown,
                tally& ends, std::atomic<std::size_t>& progress) {
  detail::rng choices(seed);
  std::vector<std::pair<std::size_t, blocking_future<std::size_t>>> mine;
  for (std::size_t i = first; i < first + count; ++i) {
    try {
      const std::uint64_t where = choices.below(6);
      auto body = work(frame_count(l), l, i);
      mine.emplace_back(i, where < 4 ? run_coroutine_threadsafe(std::move(body), r.loop(static_cast<int>(where)))
                                     : run_coroutine_threadsafe(std::move(body), r));
      shown.put(choices.next(), mine.back().second);
    } catch (const loop_closed&) {
      ++ends.refused;
    }
    ++progress;
  }
  for (const auto& [expected, f] : mine) count_end(f, expected, ends);
}

/// One round; the runtime is stopped when `stop_at` coroutines have been submitted.
void submit_cancel_and_stop(std::size_t total, std::size_t stop_at, std::uint64_t seed) {
  INFO("seed " << seed << ", " << total << " coroutines, stopped at " << stop_at);
  ledger l(total);
  board shown;
  tally ends;
  std::atomic<std::size_t> progress{0};
  std::atomic<bool> over{false};
  {
    runtime r(run_options().loops(4));
    for (int i = 0; i < 4; ++i) r.loop(i).set_exception_handler([](event_loop&, const exception_context&) {});
    std::vector<std::thread> threads;
    const std::size_t each = total / submitters;
    for (std::size_t t = 0; t < submitters; ++t) {
      threads.emplace_back([&, t] { submit_all(r, l, t * each, each, seed + t, shown, ends, progress); });
    }
    std::vector<std::thread> breakers;
    for (std::uint64_t t = 0; t < cancellers; ++t) {
      breakers.emplace_back([&, t] {
        detail::rng choices(seed + 100 + t);
        while (!over) {
          shown.cancel(choices.next());
          if (choices.below(8) == 0) std::this_thread::yield();
        }
      });
    }
    while (progress < stop_at) std::this_thread::yield();
    r.stop();
    for (std::thread& t : threads) t.join();
    over = true;
    for (std::thread& t : breakers) t.join();
  }
  std::size_t twice = 0;
  std::size_t ran = 0;
  for (const auto& n : l.begun) {
    twice += n > 1 ? 1 : 0;
    ran += n;
  }
  CHECK(twice == 0);
  CHECK(ends.wrong == 0);
  CHECK(ends.values + ends.cancelled + ends.closed + ends.refused == total);
  CHECK(ends.values <= ran);
  CHECK(l.frames == 0);
}

}  // namespace

TEST_CASE("SAFE-003: threads submit and cancel while the runtime is stopped: every future ends, nothing leaks",
          "[runtime][threads][stress]") {
  const std::uint64_t scale = from_environment("GYRE_STRESS", 1);
  const std::uint64_t seed = from_environment("GYRE_SEED", 1);
  const std::size_t total = 25'000 * scale;
  for (std::uint64_t round = 0; round < 4; ++round) {
    detail::rng choices(seed + round);
    const std::size_t stop_at = total / 4 + static_cast<std::size_t>(choices.below(total / 2));
    submit_cancel_and_stop(total, stop_at, seed + 1000 * round);
  }
}

TEST_CASE("SAFE-003: runtimes start and stop, with work on the way", "[runtime][threads][stress]") {
  const std::uint64_t rounds = 200 * from_environment("GYRE_STRESS", 1);
  std::atomic<std::int64_t> begun{0};
  std::atomic<std::int64_t> ended{0};
  const auto body = [](std::atomic<std::int64_t>& in, std::atomic<std::int64_t>& out) -> coro<> {
    ++in;
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
      ++out;
      throw;
    }
  };
  for (std::uint64_t round = 0; round < rounds; ++round) {
    runtime r(run_options().loops(1 + static_cast<int>(round % 4)));
    if (round % 3 == 0) continue;
    const auto f = run_coroutine_threadsafe(body(begun, ended), r);
    if (round % 3 == 1) {
      r.stop();
      CHECK_THROWS_AS(f.result(), cancelled_error);
    }
  }
  CHECK(begun == ended);
}
