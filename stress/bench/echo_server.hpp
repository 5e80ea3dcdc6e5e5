// SPDX-License-Identifier: BSL-1.0
#pragma once
// A TCP echo server with one acceptor for each loop on a shared port (SO_REUSEPORT), one task for each connection.
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gyre/asio.hpp>

#include <array>

#include "runtime_options.hpp"

namespace bench {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

inline gyre::coro<> reply(tcp::socket socket) {
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
inline tcp::acceptor listen(asio::io_context& context, std::uint16_t port) {
  constexpr int backlog = 2048;
  tcp::acceptor acceptor(context, tcp::v4());
  acceptor.set_option(reuse_port(true));
  acceptor.bind(tcp::endpoint(asio::ip::address_v4::loopback(), port));
  acceptor.listen(backlog);
  return acceptor;
}

/// Its connections are tasks of the same kind: pinned to its loop, as its sockets are, or stealable.
inline gyre::coro<> serve(tcp::acceptor acceptor) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(gyre::use_gyre);
    gyre::create_task(reply(std::move(socket)));
  }
}

}  // namespace bench
