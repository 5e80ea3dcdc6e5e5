// SPDX-License-Identifier: BSL-1.0
// Boost.Asio: tasks, sleeps, time-outs, cancellation.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/version.hpp>

#include "pool.hpp"

namespace {

using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

/// Waits in a coroutine until `expected` completions have been reported from any thread.
template <class Channel>
class countdown {
 public:
  explicit countdown(asio::io_context& context) : done_(context, 1) {}
  void expect(std::int64_t count) { left_ = count; }
  void report(std::int64_t value) {
    sum_.fetch_add(value, std::memory_order_relaxed);
    if (left_.fetch_sub(1) == 1) done_.try_send(boost::system::error_code{}, 0);
  }
  awaitable<void> wait() { co_await done_.async_receive(use_awaitable); }
  std::int64_t sum() const { return sum_; }

 private:
  Channel done_;
  std::atomic<std::int64_t> left_{0};
  std::atomic<std::int64_t> sum_{0};
};

template <class Channel>
awaitable<void> spawn(asio::io_context& context, countdown<Channel>& counter, std::int64_t rounds, std::int64_t tasks) {
  for (std::int64_t round = 0; round < rounds; ++round) {
    counter.expect(tasks);
    for (std::int64_t i = 0; i < tasks; ++i) {
      co_spawn(context, answer(i), [&counter](std::exception_ptr, std::int64_t value) { counter.report(value); });
    }
    co_await counter.wait();
  }
}

template <class Channel>
bench::outcome spawn_in_rounds(const bench::request& wanted, std::int64_t rounds, std::int64_t tasks) {
  pool runtime(wanted.threads);
  countdown<Channel> counter(runtime.context);
  const bench::stopwatch watch;
  co_spawn(runtime.context, spawn(runtime.context, counter, rounds, tasks), asio::detached);
  runtime.run();
  const bench::outcome result = watch.stop(rounds * tasks);
  bench::require(counter.sum() == rounds * bench::sum_below(tasks), "spawn: the sum");
  return result;
}

bench::outcome spawn_join(const bench::request& wanted) {
  return with_channel(wanted, [&]<class Channel>() { return spawn_in_rounds<Channel>(wanted, 1, wanted.size); });
}
bench::outcome spawn_rounds(const bench::request& wanted) {
  return with_channel(wanted,
                      [&]<class Channel>() { return spawn_in_rounds<Channel>(wanted, wanted.size / 1000, 1000); });
}

awaitable<void> yield_often(std::int64_t times, std::atomic<std::int64_t>& count) {
  for (std::int64_t i = 0; i < times; ++i) co_await asio::post(use_awaitable);
  count += times;
}

bench::outcome run_yield(const bench::request& wanted) {
  pool runtime(wanted.threads);
  std::atomic<std::int64_t> count{0};
  const bench::stopwatch watch;
  for (int i = 0; i < 1000; ++i) co_spawn(runtime.context, yield_often(wanted.size / 1000, count), asio::detached);
  runtime.run();
  const bench::outcome result = watch.stop(count);
  bench::require(count == wanted.size / 1000 * 1000, "yield: the count");
  return result;
}

awaitable<void> sleep_for(std::chrono::milliseconds time, std::atomic<std::int64_t>& awake) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(use_awaitable);
  ++awake;
}

bench::outcome sleepers(const bench::request& wanted) {
  pool runtime(wanted.threads);
  std::atomic<std::int64_t> awake{0};
  const bench::stopwatch watch;
  asio::post(runtime.context, [&] {
    for (std::int64_t i = 0; i < wanted.size; ++i) {
      co_spawn(runtime.context, sleep_for(std::chrono::milliseconds(bench::sleeper_ms(i)), awake), asio::detached);
    }
  });
  runtime.run();
  const bench::outcome result = watch.stop(awake);
  bench::require(awake == wanted.size, "sleepers: the count");
  return result;
}

awaitable<void> wait_in_time(std::int64_t times, std::int64_t& in_time) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::int64_t i = 0; i < times; ++i) {
    timer.expires_after(10s);
    const auto first = co_await (yield() || timer.async_wait(use_awaitable));
    in_time += first.index() == 0 ? 1 : 0;
  }
}

bench::outcome timers_churn(const bench::request& wanted) {
  pool runtime(wanted.threads);
  std::int64_t in_time = 0;
  const bench::stopwatch watch;
  co_spawn(asio::make_strand(runtime.context), wait_in_time(wanted.size, in_time), asio::detached);
  runtime.run();
  const bench::outcome result = watch.stop(in_time);
  bench::require(in_time == wanted.size, "timers_churn: the count");
  return result;
}

awaitable<void> sleep_an_hour(std::atomic<std::int64_t>& asleep) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  ++asleep;
  co_await timer.async_wait(use_awaitable);
}

bench::outcome cancel(const bench::request& wanted) {
  pool runtime(wanted.threads);
  std::vector<asio::cancellation_signal> signals(static_cast<std::size_t>(wanted.size));
  std::atomic<std::int64_t> asleep{0};
  std::atomic<std::int64_t> cancelled{0};
  for (asio::cancellation_signal& signal : signals) {
    co_spawn(
        runtime.context, sleep_an_hour(asleep),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error) { cancelled += error ? 1 : 0; }));
  }
  while (asleep < wanted.size) runtime.context.run_one();  // on this thread alone: all are parked when it ends
  runtime.context.poll();
  const bench::stopwatch watch;
  asio::post(runtime.context, [&] {
    for (asio::cancellation_signal& signal : signals) signal.emit(asio::cancellation_type::terminal);
  });
  runtime.run();
  const bench::outcome result = watch.stop(cancelled);
  bench::require(cancelled == wanted.size, "cancel: the count");
  return result;
}

const bench::workload workloads[] = {
    {"spawn_join", spawn_join}, {"spawn_rounds", spawn_rounds}, {"yield", run_yield},
    {"sleepers", sleepers},     {"timers_churn", timers_churn}, {"cancel", cancel},
};

}  // namespace

int main(int argc, char** argv) { return bench::run_program("asio", BOOST_LIB_VERSION, argc, argv); }
