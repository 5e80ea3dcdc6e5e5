// SPDX-License-Identifier: BSL-1.0
// burner: the echo server beside a task that computes for 200 ms at a time and yields in between. Nothing is pinned, so
// with two loops the connections go on: on the other loop, or where that one stands in for the burner's.
#include <chrono>
#include <thread>

#include "echo_server.hpp"

namespace {

constexpr std::int64_t burst_ns = 200'000'000;

gyre::coro<> burn() {
  for (;;) {
    const std::int64_t end = bench::monotonic_ns() + burst_ns;
    while (bench::monotonic_ns() < end) {
    }
    co_await gyre::sleep(std::chrono::nanoseconds(0));
  }
}

bench::outcome run_burner(const bench::request& wanted) {
  gyre::runtime runtime(bench::runtime_options(wanted));
  std::vector<gyre::blocking_future<void>> running;
  std::uint16_t port = 0;
  for (int i = 0; i < runtime.loop_count(); ++i) {
    bench::tcp::acceptor acceptor = bench::listen(gyre::native_context(runtime.loop(i)), port);
    port = acceptor.local_endpoint().port();
    running.push_back(gyre::run_coroutine_threadsafe(bench::serve(std::move(acceptor)), runtime));
  }
  running.push_back(gyre::run_coroutine_threadsafe(burn(), runtime));
  bench::announce_port(port);
  std::this_thread::sleep_for(std::chrono::hours(1));
  return {};
}

const bench::workload registered{"burner", run_burner};

}  // namespace
