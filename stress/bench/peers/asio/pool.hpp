// SPDX-License-Identifier: BSL-1.0
#pragma once
// Boost.Asio with awaitables: one io_context that all threads run.
#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "harness/program.hpp"

namespace asio = boost::asio;
using asio::awaitable;
using asio::co_spawn;
using asio::use_awaitable;

/// Asio's nearest to a queue, with a lock only where threads need one.
using local_channel = asio::experimental::channel<void(boost::system::error_code, std::int64_t)>;
using shared_channel = asio::experimental::concurrent_channel<void(boost::system::error_code, std::int64_t)>;

class pool {
 public:
  explicit pool(int threads) : context(threads), threads_(threads) {}

  /// Returns when there is nothing left to run.
  void run() {
    std::vector<std::thread> others;
    for (int i = 1; i < threads_; ++i) others.emplace_back([this] { context.run(); });
    context.run();
    for (std::thread& other : others) other.join();
  }

  asio::io_context context;

 private:
  int threads_;
};

inline awaitable<std::int64_t> answer(std::int64_t value) { co_return value; }

inline awaitable<void> yield() { co_await asio::post(use_awaitable); }

/// Calls `body.template operator()<Channel>(...)` with the channel that fits the number of threads.
template <class Body>
bench::outcome with_channel(const bench::request& wanted, Body body) {
  return wanted.threads == 1 ? body.template operator()<local_channel>() : body.template operator()<shared_channel>();
}
