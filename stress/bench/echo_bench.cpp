// SPDX-License-Identifier: BSL-1.0
// echo: a TCP server whose connections are pinned to the loop of their acceptor.
// It serves until the harness, which generates the load, ends the process.
#include <chrono>
#include <thread>

#include "echo_server.hpp"

namespace {

/// Runs pinned to one loop, and so do its children: an Asio object never leaves the loop it was made on.
gyre::coro<std::uint16_t> start_serving(std::uint16_t port) {
  bench::tcp::acceptor acceptor = bench::listen(gyre::native_context(), port);
  const std::uint16_t taken = acceptor.local_endpoint().port();
  gyre::create_task(bench::serve(std::move(acceptor)));
  co_return taken;
}

bench::outcome run_echo(const bench::request& wanted) {
  gyre::runtime runtime(bench::runtime_options(wanted));
  std::uint16_t port = 0;
  for (int i = 0; i < runtime.loop_count(); ++i) {
    port = gyre::run_coroutine_threadsafe(start_serving(port), runtime.loop(i)).result();
  }
  bench::announce_port(port);
  std::this_thread::sleep_for(std::chrono::hours(1));
  return {};
}

const bench::workload registered{"echo", run_echo};

}  // namespace
