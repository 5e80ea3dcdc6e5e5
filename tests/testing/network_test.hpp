// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the tests of the in-memory network share: servers and clients that are templates over their streams, errors as values.
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <gyre/asio.hpp>
#include <gyre/gyre.hpp>
#include <gyre/testing.hpp>
#include <gyre/testing/network.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace gyre_test {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using boost::system::error_code;
using gyre::coro;
using gyre::use_gyre;
using gyre::testing::network;
using gyre::testing::network_address;
using gyre::testing::network_options;
using stream = network::stream;

/// The body on 1 to 64 loops, from `seeds` seeds.
inline void simulate_all(std::uint64_t seeds, coro<> (*body)()) {
  constexpr std::array<int, 5> loops{1, 2, 4, 64, 8};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const int n = loops[seed % loops.size()];
    INFO("seed " << seed << ", " << n << " loops");
    gyre::testing::simulate(seed, gyre::run_options().loops(n), body());
  }
}

/// Nothing goes wrong, and everything takes 1 ms.
inline network_options calm() { return network_options().delay(1ms, 1ms).short_reads(0).short_writes(0); }

/// How an operation ends.
template <class A>
coro<error_code> code_of(A request) {
  error_code code;
  try {
    static_cast<void>(co_await std::move(request));
  } catch (const boost::system::system_error& e) {
    code = e.code();
  }
  co_return code;
}

inline std::string pattern(std::size_t n, unsigned salt = 0) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>('a' + (i * 7 + salt + i / 251) % 26);
  return text;
}

struct pair_of_streams {
  explicit pair_of_streams(stream c, stream s) : client(std::move(c)), server(std::move(s)) {}
  stream client;
  stream server;
};

inline coro<pair_of_streams> connect_pair(network& net) {
  network::acceptor acceptor(net, network_address("server", 0));
  stream client(net, "client");
  const network_address at = acceptor.local_endpoint();
  co_await client.async_connect(at, use_gyre);
  stream server = co_await acceptor.async_accept(use_gyre);
  co_return pair_of_streams(std::move(client), std::move(server));
}

/// Everything until the stream's end, which `end` tells: eof or another error.
template <class Stream>
coro<std::string> read_all(Stream& from, error_code& end) {
  std::string all;
  std::array<char, 1000> part{};
  try {
    for (;;) {
      const std::size_t n = co_await from.async_read_some(asio::buffer(part), use_gyre);
      all.append(part.data(), n);
    }
  } catch (const boost::system::system_error& e) {
    end = e.code();
  }
  co_return all;
}

template <class Stream>
coro<> echo_all(Stream peer) {
  std::array<char, 300> part{};
  error_code end;
  try {
    for (;;) {
      const std::size_t n = co_await peer.async_read_some(asio::buffer(part), use_gyre);
      co_await asio::async_write(peer, asio::buffer(part, n), use_gyre);
    }
  } catch (const boost::system::system_error& e) {
    end = e.code();
  }
  if (end != asio::error::eof) throw boost::system::system_error(end);
}

template <class Acceptor>
coro<> serve(Acceptor& acceptor, int connections) {
  std::vector<gyre::task<>> sessions;
  for (int i = 0; i < connections; ++i) {
    auto peer = co_await acceptor.async_accept(use_gyre);
    sessions.push_back(gyre::create_task(echo_all(std::move(peer))));
  }
  for (const gyre::task<>& each : sessions) co_await each;
}

}  // namespace gyre_test

// CHECK of what an await gives: CHECK itself names its expression several times, and g++ 12 awaits it as often.
#define CHECK_AWAITED(awaitable, ...)          \
  do {                                         \
    const auto awaited = co_await (awaitable); \
    CHECK(awaited __VA_ARGS__);                \
  } while (false)
