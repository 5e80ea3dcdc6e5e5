// SPDX-License-Identifier: BSL-1.0
// Boost.Asio: queues, and a lock made of a channel of one (Asio has none of its own).
#include "pool.hpp"

namespace {

constexpr std::int64_t end_mark = -1;

template <class Channel>
awaitable<void> pong(Channel& in, Channel& out, std::int64_t times) {
  for (std::int64_t i = 0; i < times; ++i) {
    const std::int64_t value = co_await in.async_receive(use_awaitable);
    co_await out.async_send({}, value, use_awaitable);
  }
}

template <class Channel>
awaitable<void> ping(Channel& out, Channel& in, std::int64_t times, std::int64_t& sum) {
  for (std::int64_t i = 0; i < times; ++i) {
    co_await out.async_send({}, i, use_awaitable);
    sum += co_await in.async_receive(use_awaitable);
  }
}

template <class Channel>
bench::outcome play(const bench::request& wanted) {
  pool runtime(wanted.threads);
  Channel there(runtime.context, 1);
  Channel back(runtime.context, 1);
  std::int64_t sum = 0;
  const bench::stopwatch watch;
  co_spawn(runtime.context, pong(there, back, wanted.size), asio::detached);
  co_spawn(runtime.context, ping(there, back, wanted.size, sum), asio::detached);
  runtime.run();
  const bench::outcome result = watch.stop(wanted.size);
  bench::require(sum == bench::sum_below(wanted.size), "pingpong: the sum");
  return result;
}

template <class Channel>
awaitable<void> produce(Channel& queue, std::int64_t items, int pairs, std::atomic<int>& producing) {
  for (std::int64_t i = 0; i < items; ++i) co_await queue.async_send({}, i, use_awaitable);
  if (--producing > 0) co_return;
  for (int i = 0; i < pairs; ++i) co_await queue.async_send({}, end_mark, use_awaitable);
}

template <class Channel>
awaitable<void> consume(Channel& queue, std::atomic<std::int64_t>& total) {
  std::int64_t sum = 0;
  for (;;) {
    const std::int64_t value = co_await queue.async_receive(use_awaitable);
    if (value == end_mark) break;
    sum += value;
  }
  total += sum;
}

template <class Channel>
bench::outcome share_queue(const bench::request& wanted, int pairs) {
  const std::int64_t items = wanted.size / pairs;
  pool runtime(wanted.threads);
  Channel queue(runtime.context, 1024);
  std::atomic<std::int64_t> total{0};
  std::atomic<int> producing{pairs};
  const bench::stopwatch watch;
  for (int i = 0; i < pairs; ++i) {
    co_spawn(runtime.context, consume(queue, total), asio::detached);
    co_spawn(runtime.context, produce(queue, items, pairs, producing), asio::detached);
  }
  runtime.run();
  const bench::outcome result = watch.stop(items * pairs);
  bench::require(total == pairs * bench::sum_below(items), "queue: the sum");
  return result;
}

template <class Channel>
awaitable<void> take_turns(Channel& lock, std::int64_t times, bool contended, std::int64_t& count) {
  for (std::int64_t i = 0; i < times; ++i) {
    co_await lock.async_send({}, 0, use_awaitable);
    ++count;
    if (contended) co_await asio::post(use_awaitable);
    lock.try_receive([](auto...) {});
  }
}

template <class Channel>
bench::outcome use_lock(const bench::request& wanted, bool contended) {
  constexpr int tasks = 64;
  pool runtime(wanted.threads);
  Channel lock(runtime.context, 1);
  std::int64_t count = 0;
  const bench::stopwatch watch;
  for (int i = 0; i < tasks; ++i) {
    co_spawn(runtime.context, take_turns(lock, wanted.size / tasks, contended, count), asio::detached);
  }
  runtime.run();
  const bench::outcome result = watch.stop(count);
  bench::require(count == wanted.size / tasks * tasks, "lock: the count");
  return result;
}

bench::outcome pingpong(const bench::request& wanted) {
  return with_channel(wanted, [&]<class Channel>() { return play<Channel>(wanted); });
}
bench::outcome queue_mpmc(const bench::request& wanted) {
  return with_channel(wanted, [&]<class Channel>() { return share_queue<Channel>(wanted, 4); });
}
bench::outcome queue_spsc(const bench::request& wanted) {
  return with_channel(wanted, [&]<class Channel>() { return share_queue<Channel>(wanted, 1); });
}
bench::outcome lock(const bench::request& wanted) {
  return with_channel(wanted, [&]<class Channel>() { return use_lock<Channel>(wanted, false); });
}
bench::outcome lock_contended(const bench::request& wanted) {
  return with_channel(wanted, [&]<class Channel>() { return use_lock<Channel>(wanted, true); });
}

const bench::workload workloads[] = {
    {"pingpong", pingpong}, {"queue_mpmc", queue_mpmc},         {"queue_spsc", queue_spsc},
    {"lock", lock},         {"lock_contended", lock_contended},
};

}  // namespace
