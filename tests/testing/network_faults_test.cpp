// SPDX-License-Identifier: BSL-1.0
// gyre::testing::network: descriptors, refusals, cancellation, splits.
#include "network_test.hpp"

using namespace gyre;
using namespace gyre_test;

namespace {

const network_address server_address("server", 80);

coro<> read_once(stream& s, int& ends) {
  std::array<char, 16> bytes{};
  try {
    co_await s.async_read_some(asio::buffer(bytes), use_gyre);
  } catch (...) {
    ++ends;
    throw;
  }
  ++ends;
}

coro<> fill(stream& s, int& ends) {
  const std::string much = pattern(100'000);
  try {
    co_await asio::async_write(s, asio::buffer(much), use_gyre);
  } catch (...) {
    ++ends;
    throw;
  }
  ++ends;
}

coro<> accept_once(network::acceptor& a, int& ends) {
  try {
    stream ignored = co_await a.async_accept(use_gyre);
  } catch (...) {
    ++ends;
    throw;
  }
  ++ends;
}

coro<> connect_to(stream& s, network_address at, int& ends) {
  try {
    co_await s.async_connect(at, use_gyre);
  } catch (...) {
    ++ends;
    throw;
  }
  ++ends;
}

}  // namespace

TEST_CASE("network: a server that is out of descriptors accepts again when one is free", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net(calm().descriptors(3));  // the acceptor and two streams
    network::acceptor acceptor(net, server_address);
    std::vector<stream> clients;
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back(net, "client" + std::to_string(i));
      co_await clients.back().async_connect(server_address, use_gyre);
    }
    CHECK(net.descriptors("client0") == 1);
    CHECK(net.descriptors("server") == 1);
    stream first = co_await acceptor.async_accept(use_gyre);
    stream second = co_await acceptor.async_accept(use_gyre);
    const auto start = get_running_loop().now();
    CHECK_AWAITED(code_of(acceptor.async_accept(use_gyre)), == asio::error::no_descriptors);
    CHECK_AWAITED(code_of(acceptor.async_accept(use_gyre)), == asio::error::no_descriptors);
    CHECK(get_running_loop().now() > start);
    first.close();
    stream third = co_await acceptor.async_accept(use_gyre);
    CHECK(third.remote_endpoint() == clients[2].local_endpoint());
  });
}

TEST_CASE("network: descriptors may be short by chance, and for clients, too", "[testing][network]") {
  simulate_all(5, []() -> coro<> {
    network net(calm().no_descriptors(1));
    stream s(net, "client");
    CHECK_AWAITED(code_of(s.async_connect(server_address, use_gyre)), == asio::error::no_descriptors);
    CHECK_FALSE(s.is_open());
    net.set_options(calm());
    network::acceptor acceptor(net, server_address);
    net.set_options(calm().no_descriptors(0.5));
    int connected = 0;
    for (int i = 0; i < 20; ++i) {
      stream each(net, "client");
      const error_code code = co_await code_of(each.async_connect(server_address, use_gyre));
      connected += code ? 0 : 1;
    }
    CHECK(connected > 0);
    CHECK(connected < 20);
  });
}

TEST_CASE("network: nobody listens, or the seed refuses: connection_refused after the time there and back",
          "[testing][network]") {
  simulate_all(5, []() -> coro<> {
    network net(calm());
    stream s(net, "client");
    const auto start = get_running_loop().now();
    CHECK_AWAITED(code_of(s.async_connect(server_address, use_gyre)), == asio::error::connection_refused);
    CHECK(get_running_loop().now() - start == 2ms);
    network::acceptor acceptor(net, server_address);
    net.set_options(calm().refusals(1));
    CHECK_AWAITED(code_of(s.async_connect(server_address, use_gyre)), == asio::error::connection_refused);
    net.set_options(calm());
    co_await s.async_connect(server_address, use_gyre);
    stream peer = co_await acceptor.async_accept(use_gyre);
    CHECK(peer.remote_endpoint().host() == "client");
  });
}

TEST_CASE("network: a cancelled task ends each operation once, and the stream is as good as before",
          "[testing][network]") {
  simulate_all(40, []() -> coro<> {
    network net(calm().capacity(500));
    network::acceptor acceptor(net, server_address);
    pair_of_streams p = co_await connect_pair(net);
    stream lonely(net, "client");
    int reads = 0, writes = 0, accepts = 0, connects = 0;
    net.partition("client", "nowhere");
    std::vector<task<>> waiting;
    waiting.push_back(create_task(read_once, std::ref(p.client), std::ref(reads)));
    waiting.push_back(create_task(fill, std::ref(p.client), std::ref(writes)));
    waiting.push_back(create_task(accept_once, std::ref(acceptor), std::ref(accepts)));
    waiting.push_back(create_task(connect_to, std::ref(lonely), network_address("nowhere", 1), std::ref(connects)));
    co_await sleep(1s);
    for (const task<>& each : waiting) CHECK_FALSE(each.done());
    for (const task<>& each : waiting) each.cancel();
    co_await wait(waiting);
    for (const task<>& each : waiting) CHECK(each.cancelled());
    co_await sleep(1h);
    CHECK((reads == 1 && writes == 1 && accepts == 1 && connects == 1));
    // The bytes that were taken before the cancel are there, and no others.
    p.client.shutdown(stream::shutdown_send);
    error_code end;
    CHECK_AWAITED(read_all(p.server, end), == pattern(100'000).substr(0, 500));
    stream other(net, "client");
    co_await other.async_connect(server_address, use_gyre);
    stream accepted = co_await acceptor.async_accept(use_gyre);
    co_await asio::async_write(p.server, asio::buffer("more", 4), use_gyre);
    std::string more(4, '\0');
    co_await asio::async_read(p.client, asio::buffer(more), use_gyre);
    CHECK(more == "more");
  });
}

TEST_CASE("network: a cancel that races with the end of a read loses no byte", "[testing][network]") {
  simulate_all(200, []() -> coro<> {
    network net(network_options().delay(1ms, 3ms));
    pair_of_streams p = co_await connect_pair(net);
    std::string got;
    task<> reader = create_task(
        [](stream& s, std::string& all) -> coro<> {
          std::array<char, 16> bytes{};
          const std::size_t n = co_await s.async_read_some(asio::buffer(bytes), use_gyre);
          all.append(bytes.data(), n);
        },
        std::ref(p.client), std::ref(got));
    const std::string sent = pattern(10);
    co_await asio::async_write(p.server, asio::buffer(sent), use_gyre);
    co_await sleep(2ms);
    reader.cancel();
    co_await wait(reader);
    CHECK(reader.cancelled() == got.empty());
    p.server.shutdown(stream::shutdown_send);
    error_code end;
    const std::string rest = co_await read_all(p.client, end);
    // A read that had ended when the cancel came is dropped with what it had read: as with a socket.
    CHECK(sent.substr(sent.size() - rest.size()) == rest);
    if (!reader.cancelled()) CHECK(got + rest == sent);
  });
}

TEST_CASE("network: cancel() and close() end what is under way with operation_aborted", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net(calm().capacity(10));
    pair_of_streams p = co_await connect_pair(net);
    network::acceptor acceptor(net, server_address);
    const std::string much = pattern(100);
    std::array<char, 8> bytes{};
    for (const bool close : {false, true}) {
      task<error_code> reader = create_task(code_of(p.client.async_read_some(asio::buffer(bytes), use_gyre)));
      task<error_code> writer = create_task(code_of(asio::async_write(p.client, asio::buffer(much), use_gyre)));
      task<error_code> accept = create_task(code_of(acceptor.async_accept(use_gyre)));
      co_await sleep(1s);
      if (close) {
        p.client.close();
        acceptor.close();
      } else {
        p.client.cancel();
        acceptor.cancel();
      }
      CHECK_AWAITED(reader, == asio::error::operation_aborted);
      CHECK_AWAITED(writer, == asio::error::operation_aborted);
      CHECK_AWAITED(accept, == asio::error::operation_aborted);
      CHECK(p.client.is_open() != close);
    }
  });
}

TEST_CASE("network: a time limit ends a read", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net;
    pair_of_streams p = co_await connect_pair(net);
    int ends = 0;
    bool expired = false;
    try {
      co_await wait_for(read_once(p.client, ends), 250ms);
    } catch (const timeout_error&) {
      expired = true;
    }
    CHECK(expired);
    CHECK(ends == 1);
  });
}

TEST_CASE("network: what is sent over a split arrives when it is healed; connects wait for it", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net;
    network::acceptor acceptor(net, server_address);
    pair_of_streams p = co_await connect_pair(net);
    co_await asio::async_write(p.client, asio::buffer("under way, ", 11), use_gyre);
    net.partition("server", "client");
    co_await asio::async_write(p.client, asio::buffer("kept back", 9), use_gyre);
    co_await sleep(1h);
    CHECK(p.server.available() == 0);
    p.client.close();
    error_code end;
    task<std::string> reader = create_task(read_all(p.server, end));
    stream late(net, "client");
    task<error_code> connect = create_task(code_of(late.async_connect(server_address, use_gyre)));
    stream elsewhere(net, "neighbour");
    co_await elsewhere.async_connect(server_address, use_gyre);
    co_await sleep(24h);
    CHECK_FALSE(reader.done());
    CHECK_FALSE(connect.done());
    net.heal("client", "server");
    CHECK_AWAITED(reader, == "under way, kept back");
    CHECK(end == asio::error::eof);
    CHECK_AWAITED(connect, == error_code());
  });
}

TEST_CASE("network: a split that nobody heals is a deadlock that the simulation reports", "[testing][network]") {
  const auto run = [] {
    testing::simulate(3, run_options().loops(2), []() -> coro<> {
      network net;
      pair_of_streams p = co_await connect_pair(net);
      net.partition("client", "server");
      co_await asio::async_write(p.client, asio::buffer("x", 1), use_gyre);
      std::array<char, 1> byte{};
      co_await asio::async_read(p.server, asio::buffer(byte), use_gyre);
    }());
  };
  CHECK_THROWS_AS(run(), would_deadlock);
}
