// SPDX-License-Identifier: BSL-1.0
// Shows: a server that is a template over its streams, on real sockets and simulated.  Prints: what its client got back.
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gyre/gyre.hpp>
#include <gyre/testing.hpp>
#include <gyre/testing/network.hpp>

#include <array>
#include <cstdio>
#include <string>

using boost::asio::buffer;
using boost::asio::ip::tcp;
using gyre::use_gyre;
using gyre::testing::network;
using namespace std::chrono_literals;

template <class Acceptor>
gyre::coro<> serve_one(Acceptor& acceptor) {
  auto peer = co_await acceptor.async_accept(use_gyre);
  std::array<char, 4> bytes{};
  for (std::size_t n = 1; n > 0;) {
    n = co_await peer.async_read_some(buffer(bytes), use_gyre);
    co_await boost::asio::async_write(peer, buffer(bytes, n), use_gyre);
  }
}

template <class Stream, class Acceptor>
gyre::coro<std::string> ask(Acceptor& acceptor, Stream& client) {
  const gyre::task<> server = gyre::create_task(serve_one<Acceptor>, std::ref(acceptor));
  const std::string question = "is anybody there?";
  std::string answer(question.size(), ' ');
  co_await client.async_connect(acceptor.local_endpoint(), use_gyre);
  co_await boost::asio::async_write(client, buffer(question), use_gyre);
  co_await boost::asio::async_read(client, buffer(answer), use_gyre);
  server.cancel();
  co_return answer;
}

gyre::coro<> on_sockets() {
  tcp::acceptor acceptor(gyre::native_context(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  tcp::socket client(gyre::native_context());
  std::printf("on sockets: %s\n", (co_await ask(acceptor, client)).c_str());
}

gyre::coro<> simulated(int seed) {
  network net(gyre::testing::network_options().delay(1h, 24h).short_reads(0.9).short_writes(0.9));
  network::acceptor acceptor(net, gyre::testing::network_address("server", 0));
  network::stream client(net, "client");
  std::printf("simulated, seed %d: %s\n", seed, (co_await ask(acceptor, client)).c_str());
}

int main() {
  gyre::run(on_sockets(), gyre::run_options().loops(2));
  for (int seed = 1; seed <= 3; ++seed) gyre::testing::simulate(seed, gyre::run_options().loops(4), simulated(seed));
}
