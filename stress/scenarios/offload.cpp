// SPDX-License-Identifier: BSL-1.0
// to_thread and executors at their limits, with callers that are cancelled: each function that has begun ends, one that was
// dropped never runs, and each result arrives once.
#include <memory>

#include "crowd.hpp"

namespace storm {
namespace {

/// What the functions count. It outlives the runtime, for which a function that was left alone may still run.
struct workshop {
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> ended{0};
};

std::uint64_t work(const std::shared_ptr<workshop>& w, std::size_t spins, std::uint64_t number, const alive&) {
  ++w->begun;
  dice d(number);
  for (; spins > 0; --spins) static_cast<void>(d.next());
  ++w->ended;
  return number;
}

struct office {
  explicit office(trial& round) : t(round) {}
  trial& t;
  std::shared_ptr<workshop> shop = std::make_shared<workshop>();
  std::shared_ptr<gyre::thread_pool_executor> pool;  // null in simulation
  std::atomic<std::uint64_t> next{1};
};

gyre::coro<> commission(office& o, dice d) {
  const std::uint64_t number = o.next.fetch_add(1);
  const std::size_t spins = d.below(2'000);
  std::uint64_t result = number;
  if (o.pool == nullptr || d.one_in(2)) {
    result = co_await gyre::to_thread(work, o.shop, spins, number, alive(o.t));
  } else {
    try {
      result = co_await gyre::get_running_loop().run_in_executor(o.pool, work, o.shop, spins, number, alive(o.t));
    } catch (const gyre::queue_full&) {
    }
  }
  o.t.expect_equal("result of a function", result, number);
}

gyre::coro<> offload(trial& t) {
  office o(t);
  if (!t.simulated) {
    const std::size_t threads = 1 + t.random.below(4);
    const std::size_t room = 1 + t.random.below(8);
    o.pool = std::make_shared<gyre::thread_pool_executor>(gyre::thread_pool_options()
                                                              .max_threads(threads)
                                                              .max_queue(room, gyre::submission_overflow::error)
                                                              .idle_timeout(1ms));
  }
  co_await besiege(o, 16, t.size, &commission);
  o.pool = nullptr;  // waits for its threads
  co_await gyre::get_running_loop().shutdown_default_executor();
  t.expect_equal("functions that ended", o.shop->ended.load(), o.shop->begun.load());
  t.expect(o.shop->begun.load() < o.next.load(), "more functions ran than were given");
}

const registered offloading({"offload", "to_thread and a small pool, saturated, with callers cancelled", &offload,
                             nullptr, 40, 4});

}  // namespace
}  // namespace storm
