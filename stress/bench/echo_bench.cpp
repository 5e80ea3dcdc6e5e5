// SPDX-License-Identifier: BSL-1.0
// echo: a TCP server with one acceptor for each loop on a shared port (SO_REUSEPORT), one task for each connection.
// It serves until the harness, which generates the load, ends the process.
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gyre/asio.hpp>

#include <array>
#include <chrono>
#include <thread>

#include "runtime_options.hpp"

namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr int backlog = 2048;

gyre::coro<> reply(tcp::socket socket) {
  socket.set_option(tcp::no_delay(true));
  std::array<char, 4096> buffer;
  try {
    for (;;) {
      const std::size_t got = co_await socket.async_read_some(asio::buffer(buffer), gyre::use_gyre);
      co_await asio::async_write(socket, asio::buffer(buffer.data(), got), gyre::use_gyre);
    }
  } catch (const boost::system::system_error&) {  // the client has left
  }
}

/// Listens on a port of 127.0.0.1; 0 takes a free one.
tcp::acceptor listen(asio::io_context& context, std::uint16_t port) {
  tcp::acceptor acceptor(context, tcp::v4());
  acceptor.set_option(reuse_port(true));
  acceptor.bind(tcp::endpoint(asio::ip::address_v4::loopback(), port));
  acceptor.listen(backlog);
  return acceptor;
}

/// Runs pinned to one loop, and so do its children: an Asio object never leaves the loop it was made on.
gyre::coro<> serve(tcp::acceptor acceptor) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(gyre::use_gyre);
    gyre::create_task(reply(std::move(socket)));
  }
}

gyre::coro<std::uint16_t> start_serving(std::uint16_t port) {
  tcp::acceptor acceptor = listen(gyre::native_context(), port);
  const std::uint16_t taken = acceptor.local_endpoint().port();
  gyre::create_task(serve(std::move(acceptor)));
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
