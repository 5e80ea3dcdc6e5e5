// SPDX-License-Identifier: BSL-1.0
// Threads that are no loops: they submit, cancel and wait while runtimes work, end, start. Each future ends in one way, each
// coroutine runs at most once, nothing is left.
#include <memory>

#include "crowd.hpp"

namespace storm {
namespace {

constexpr std::size_t submitters = 4;
using answer = gyre::blocking_future<std::uint64_t>;

void silence(gyre::runtime& r) {
  for (int i = 0; i < r.loop_count(); ++i) {
    r.loop(i).set_exception_handler([](gyre::event_loop&, const gyre::exception_context&) {});
  }
}

// --- spawn storm -----------------------------------------------------------------------------------------------------
gyre::coro<std::uint64_t> add_up(trial& t, std::uint64_t from, std::uint64_t count, alive token) {
  if (count == 1) {
    t.did();
    co_return from;
  }
  const std::uint64_t half = count / 2;
  if (count % 3 == 0) {
    const gyre::task<std::uint64_t> left = gyre::create_task(add_up(t, from, half, token));
    const std::uint64_t right = co_await add_up(t, from + half, count - half, token);
    co_return right + co_await left;
  }
  const auto [left, right] =
      co_await gyre::gather(add_up(t, from, half, token), add_up(t, from + half, count - half, token));
  co_return left + right;
}

std::uint64_t sum_of(std::uint64_t from, std::uint64_t count) { return count * from + count * (count - 1) / 2; }

void submit_sums(trial& t, gyre::runtime& r, dice d) {
  std::vector<std::pair<std::uint64_t, answer>> asked;
  for (std::size_t i = 0; i < t.size; ++i) {
    const std::uint64_t from = d.below(1'000);
    const std::uint64_t count = 1 + d.below(60);
    if (d.one_in(4)) {
      std::vector<gyre::coro<std::uint64_t>> burst;
      for (std::size_t n = 1 + d.below(8); n > 0; --n) burst.push_back(add_up(t, from, count, alive(t)));
      for (const answer& each : gyre::run_coroutines_threadsafe(std::move(burst), r)) {
        asked.emplace_back(sum_of(from, count), each);
      }
    } else if (d.one_in(2)) {
      asked.emplace_back(sum_of(from, count), gyre::run_coroutine_threadsafe(add_up(t, from, count, alive(t)), r));
    } else {
      gyre::event_loop& loop = r.loop(d.between(0, t.loops - 1));
      asked.emplace_back(sum_of(from, count), gyre::run_coroutine_threadsafe(add_up(t, from, count, alive(t)), loop));
    }
  }
  for (const auto& [wanted, each] : asked) t.expect_equal("a sum", each.result(), wanted);
}

void spawn_storm(trial& t) {
  gyre::runtime r(gyre::run_options().loops(t.loops));
  refuse_reports(t, r);
  t.show(&r.loop(0));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < submitters; ++i) {
    threads.emplace_back([&t, &r, d = t.random.split()] { submit_sums(t, r, d); });
  }
  for (std::thread& each : threads) each.join();
  t.show(nullptr);
}

// --- shutdown under load ---------------------------------------------------------------------------------------------
/// How the futures of a round have ended.
struct tally {
  std::atomic<std::uint64_t> submitted{0};
  std::atomic<std::uint64_t> ended{0};
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> values{0};
};

class executor_closed : public std::exception {};

gyre::coro<std::uint64_t> labour(tally& all, dice d, std::uint64_t number, alive) {
  ++all.begun;
  const std::size_t kind = d.below(8);
  if (kind == 0) co_await gyre::sleep(d.delay(100us));
  if (kind == 1) co_await gyre::sleep(std::chrono::hours(1));  // somebody cancels it, or the end does
  if (kind == 2) co_await gyre::gather(pause(d.split()), pause(d.split()));
  if (kind == 3) co_await gyre::create_task(pause(d.split()));
  if (kind == 4) co_await gyre::wait_for(pause(d.split()), 1h);
  if (kind == 5) {
    const auto nothing = [] {};
    try {
      co_await gyre::to_thread(nothing);
    } catch (const gyre::loop_closed&) {
      throw;
    } catch (const gyre::error&) {  // the pool takes no more
      throw executor_closed();
    }
  }
  co_return number;
}

/// Futures that anybody may cancel or wait for.
class board {
 public:
  void put(std::size_t at, const answer& f) {
    const std::lock_guard hold(guard_);
    slots_[at % slots_.size()] = std::make_unique<answer>(f);
  }
  std::unique_ptr<answer> take(std::size_t at) {
    const std::lock_guard hold(guard_);
    return std::move(slots_[at % slots_.size()]);
  }

 private:
  std::mutex guard_;
  std::vector<std::unique_ptr<answer>> slots_ = std::vector<std::unique_ptr<answer>>(32);
};

void note_end(trial& t, tally& all, const answer& f, std::uint64_t wanted) {
  try {
    t.expect_equal("a value", f.result(), wanted);
    ++all.values;
  } catch (const gyre::cancelled_error&) {
  } catch (const gyre::loop_closed&) {
  } catch (const executor_closed&) {
  } catch (...) {
    t.violated("a future ended with " + in_words(std::current_exception()));
  }
  ++all.ended;
  t.did();
}

void submit_until_closed(trial& t, gyre::runtime& r, tally& all, board& shown, dice d,
                         std::atomic<std::size_t>& progress) {
  std::vector<std::pair<std::uint64_t, answer>> mine;
  try {
    for (std::uint64_t number = 1; mine.size() < 100 * t.size; ++number) {
      ++progress;
      if (d.one_in(4)) r.loop(d.between(0, t.loops - 1)).call_soon_threadsafe([token = alive(t)] {});
      auto body = labour(all, d.split(), number, alive(t));
      if (d.one_in(2)) {
        mine.emplace_back(number, gyre::run_coroutine_threadsafe(std::move(body), r));
      } else {
        mine.emplace_back(number, gyre::run_coroutine_threadsafe(std::move(body), r.loop(d.between(0, t.loops - 1))));
      }
      ++all.submitted;
      shown.put(d.below(1'000), mine.back().second);
      if (d.one_in(16)) mine.back().second.add_done_callback([token = alive(t)](const answer&) {});
    }
  } catch (const gyre::loop_closed&) {  // the end has come
  }
  for (const auto& [number, each] : mine) note_end(t, all, each, number);
}

void disturb(board& shown, dice d, const std::atomic<bool>& over) {
  while (!over.load()) {
    const std::unique_ptr<answer> chosen = shown.take(d.below(1'000));
    if (chosen == nullptr) {
      std::this_thread::yield();
    } else if (d.one_in(2)) {
      chosen->cancel();
    } else {
      try {
        static_cast<void>(chosen->exception(std::chrono::microseconds(d.below(50))));
      } catch (const gyre::error&) {
      } catch (const gyre::cancelled_error&) {
      }
    }
  }
}

void shutdown_load(trial& t) {
  tally all;
  board shown;
  std::atomic<bool> over{false};
  std::atomic<std::size_t> progress{0};
  auto r = std::make_unique<gyre::runtime>(gyre::run_options().loops(t.loops));
  silence(*r);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < submitters; ++i) {
    threads.emplace_back([&, d = t.random.split()] { submit_until_closed(t, *r, all, shown, d, progress); });
  }
  std::thread disturber([&, d = t.random.split()] { disturb(shown, d, over); });
  const std::size_t stop_at = 1 + t.random.below(submitters * t.size);
  while (progress.load() < stop_at) std::this_thread::yield();
  const std::size_t stoppers = t.random.below(3);
  std::vector<std::thread> others;
  for (std::size_t i = 0; i < stoppers; ++i) others.emplace_back([&r] { r->stop(); });
  r->stop();
  for (std::thread& each : others) each.join();
  for (std::thread& each : threads) each.join();
  over.store(true);
  disturber.join();
  r.reset();
  t.expect_equal("futures that ended", all.ended.load(), all.submitted.load());
  t.expect(all.values.load() <= all.begun.load(), "more values than coroutines");
}

// --- start and stop --------------------------------------------------------------------------------------------------
gyre::coro<std::uint64_t> small_work(trial& t, dice d, alive) {
  const auto forever = [](alive) -> gyre::coro<> { co_await gyre::sleep(std::chrono::hours(1)); };
  if (d.one_in(2)) gyre::create_task(anywhere(d), forever, alive(t));
  if (d.one_in(4)) {
    const auto nothing = [] {};
    co_await gyre::to_thread(nothing);
  }
  co_await gyre::gather(pause(d.split()), pause(d.split()));
  co_return 42;
}

void live_once(trial& t, dice d) {
  const gyre::run_options options = gyre::run_options().loops(t.loops);
  const std::size_t way = d.below(4);
  if (way == 0) {
    const gyre::runtime idle(options);
  } else if (way == 1) {
    gyre::runtime r(options);
    t.expect_equal("a result", gyre::run_coroutine_threadsafe(small_work(t, d.split(), alive(t)), r).result(), 42);
  } else if (way == 2) {
    t.expect_equal("a result", gyre::run(small_work(t, d.split(), alive(t)), options), 42);
  } else {
    gyre::runtime first(options);
    gyre::runtime second(options);
    silence(first);  // what is started while it stops is destroyed with a report
    silence(second);
    const answer a = gyre::run_coroutine_threadsafe(small_work(t, d.split(), alive(t)), first);
    const answer b = gyre::run_coroutine_threadsafe(small_work(t, d.split(), alive(t)), second);
    first.stop();
    if (d.one_in(2)) b.cancel();
    for (const answer& each : {a, b}) {
      try {
        t.expect_equal("a result", each.result(), 42);
      } catch (const gyre::cancelled_error&) {
      } catch (const gyre::loop_closed&) {
      }
    }
  }
  t.did();
}

void start_stop(trial& t) {
  for (std::size_t i = 0; i < t.size; ++i) live_once(t, t.random.split());
}

const registered all_threads[] = {
    registered({"spawn_storm", "foreign threads submit trees of tasks", nullptr, &spawn_storm, 50, 5}),
    registered(
        {"shutdown_load", "a runtime is stopped while threads submit, cancel, wait", nullptr, &shutdown_load, 50, 10}),
    registered({"start_stop", "runtimes start and stop, with work on the way", nullptr, &start_stop, 8, 2}),
};

}  // namespace
}  // namespace storm
