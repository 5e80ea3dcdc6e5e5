// SPDX-License-Identifier: BSL-1.0
#pragma once
// Real sockets for tests: two ends of a TCP connection on this machine, on the running loop.
#include <boost/asio/ip/tcp.hpp>
#include <gyre/asio.hpp>
#include <gyre/gyre.hpp>

#include <utility>

namespace gyre_test {

using tcp = boost::asio::ip::tcp;

inline tcp::acceptor listen_on_loopback() {
  return tcp::acceptor(gyre::native_context(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
}

struct connection {
  explicit connection(tcp::socket c, tcp::socket s) : client(std::move(c)), server(std::move(s)) {}
  tcp::socket client;
  tcp::socket server;
};

inline gyre::coro<connection> connect_pair() {
  tcp::acceptor acceptor = listen_on_loopback();
  tcp::socket client(gyre::native_context());
  co_await client.async_connect(acceptor.local_endpoint(), gyre::use_gyre);
  tcp::socket server = co_await acceptor.async_accept(gyre::use_gyre);
  co_return connection(std::move(client), std::move(server));
}

}  // namespace gyre_test
