// SPDX-License-Identifier: BSL-1.0
// gyre::testing::network: bytes, ends, breaks and errors of virtual connections.
#include "network_test.hpp"

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> client_of_echo(network& net, network_address at, unsigned salt) {
  stream s(net, "client");
  co_await s.async_connect(at, use_gyre);
  const std::string sent = pattern(700 + salt * 13, salt);
  std::string got(sent.size(), '\0');
  co_await asio::async_write(s, asio::buffer(sent), use_gyre);
  co_await asio::async_read(s, asio::buffer(got), use_gyre);
  CHECK(got == sent);
  s.shutdown(stream::shutdown_send);
  std::array<char, 1> byte{};
  const error_code end = co_await code_of(s.async_read_some(asio::buffer(byte), use_gyre));
  CHECK(end == asio::error::eof);
}

}  // namespace

TEST_CASE("network: an echo server of many connections gives back every byte in order, from 200 seeds",
          "[testing][network]") {
  simulate_all(200, []() -> coro<> {
    network net(network_options().capacity(1024));
    network::acceptor acceptor(net, network_address("server", 7));
    task<> server = create_task(serve<network::acceptor>, std::ref(acceptor), 6);
    std::vector<task<>> clients;
    for (unsigned i = 0; i < 6; ++i)
      clients.push_back(create_task(client_of_echo(net, network_address("server", 7), i)));
    for (const task<>& each : clients) co_await each;
    co_await server;
    CHECK(net.descriptors("client") == 0);
    CHECK(net.descriptors("server") == 1);
  });
}

TEST_CASE("network: async_read puts short reads and writes together", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net(network_options().short_reads(1).short_writes(1));
    pair_of_streams p = co_await connect_pair(net);
    const std::string sent = pattern(5000);
    std::string got(sent.size(), '\0');
    task<std::size_t> writer = create_task(
        [](stream& s, const std::string* text) -> coro<std::size_t> {
          co_return co_await asio::async_write(s, asio::buffer(*text), use_gyre);
        },
        std::ref(p.client), &sent);
    std::array<char, 100> first{};
    const std::size_t some = co_await p.server.async_read_some(asio::buffer(first), use_gyre);
    CHECK(some < first.size());
    std::copy_n(first.data(), some, got.data());
    co_await asio::async_read(p.server, asio::buffer(got) + some, use_gyre);
    CHECK(got == sent);
    CHECK_AWAITED(writer, == sent.size());
  });
}

TEST_CASE("network: a write waits while the connection is full", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net(calm().capacity(1000));
    pair_of_streams p = co_await connect_pair(net);
    const std::string sent = pattern(2500);
    std::size_t written = 0;
    task<> writer = create_task(
        [](stream& s, const std::string* text, std::size_t* count) -> coro<> {
          while (*count < text->size()) *count += co_await s.async_write_some(asio::buffer(*text) + *count, use_gyre);
        },
        std::ref(p.client), &sent, &written);
    co_await sleep(1h);
    CHECK(written == 1000);
    std::string got(sent.size(), '\0');
    co_await asio::async_read(p.server, asio::buffer(got, 10), use_gyre);
    co_await sleep(1h);
    CHECK(written == 1010);
    co_await asio::async_read(p.server, asio::buffer(got) + 10, use_gyre);
    co_await writer;
    CHECK(got == sent);
  });
}

TEST_CASE("network: bytes take the time that the options say", "[testing][network]") {
  simulate_all(5, []() -> coro<> {
    network net(calm().delay(40ms, 40ms));
    pair_of_streams p = co_await connect_pair(net);
    const auto start = get_running_loop().now();
    co_await asio::async_write(p.client, asio::buffer("x", 1), use_gyre);
    CHECK(get_running_loop().now() == start);
    std::array<char, 1> byte{};
    co_await asio::async_read(p.server, asio::buffer(byte), use_gyre);
    CHECK(get_running_loop().now() - start == 40ms);
  });
}

TEST_CASE("network: a half-closed connection carries bytes the other way", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net;
    pair_of_streams p = co_await connect_pair(net);
    co_await asio::async_write(p.client, asio::buffer("question", 8), use_gyre);
    p.client.shutdown(stream::shutdown_send);
    error_code end;
    CHECK_AWAITED(read_all(p.server, end), == "question");
    CHECK(end == asio::error::eof);
    const std::string answer = pattern(3000);
    co_await asio::async_write(p.server, asio::buffer(answer), use_gyre);
    const error_code sending = co_await code_of(p.client.async_write_some(asio::buffer("x", 1), use_gyre));
    CHECK(sending == asio::error::broken_pipe);
    p.server.close();
    CHECK_AWAITED(read_all(p.client, end), == answer);
    CHECK(end == asio::error::eof);
  });
}

TEST_CASE("network: peers that know no half-closed connection answer with a reset", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net(calm().half_close(false));
    pair_of_streams p = co_await connect_pair(net);
    p.client.shutdown(stream::shutdown_send);
    std::array<char, 8> bytes{};
    CHECK_AWAITED(code_of(p.server.async_read_some(asio::buffer(bytes), use_gyre)), == asio::error::eof);
    co_await asio::async_write(p.server, asio::buffer("answer", 6), use_gyre);
    co_await sleep(1s);
    CHECK_AWAITED(code_of(p.server.async_write_some(asio::buffer(bytes), use_gyre)), == asio::error::broken_pipe);
    CHECK_AWAITED(code_of(p.client.async_read_some(asio::buffer(bytes), use_gyre)), == asio::error::connection_reset);
  });
}

TEST_CASE("network: a peer that closed with bytes unread resets: an error once, then broken_pipe and eof",
          "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net(calm());
    pair_of_streams p = co_await connect_pair(net);
    co_await asio::async_write(p.client, asio::buffer("lost", 4), use_gyre);
    co_await sleep(1s);
    p.server.close();
    std::array<char, 8> bytes{};
    const bool write_first = p.client.local_endpoint().port() % 2 == 0;
    if (!write_first) {
      CHECK_AWAITED(code_of(p.client.async_read_some(asio::buffer(bytes), use_gyre)), == asio::error::connection_reset);
    } else {
      co_await sleep(1s);
      CHECK_AWAITED(code_of(p.client.async_write_some(asio::buffer(bytes), use_gyre)),
                    == asio::error::connection_reset);
    }
    CHECK_AWAITED(code_of(p.client.async_write_some(asio::buffer(bytes), use_gyre)), == asio::error::broken_pipe);
    CHECK_AWAITED(code_of(p.client.async_read_some(asio::buffer(bytes), use_gyre)), == asio::error::eof);
  });
}

TEST_CASE("network: the first write into a closed peer is taken, a later one finds a broken pipe",
          "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net(calm());
    pair_of_streams p = co_await connect_pair(net);
    p.server.close();
    co_await sleep(1s);
    CHECK_AWAITED(p.client.async_write_some(asio::buffer("x", 1), use_gyre), == 1);
    co_await sleep(1s);
    CHECK_AWAITED(code_of(p.client.async_write_some(asio::buffer("x", 1), use_gyre)), == asio::error::broken_pipe);
    error_code end;
    CHECK_AWAITED(read_all(p.client, end), .empty());
    CHECK(end == asio::error::eof);
  });
}

TEST_CASE("network: a peer without power is not heard of until something is sent to it", "[testing][network]") {
  simulate_all(20, []() -> coro<> {
    network net(calm());
    pair_of_streams p = co_await connect_pair(net);
    p.server.vanish();
    std::array<char, 8> bytes{};
    task<error_code> reader = create_task(code_of(p.client.async_read_some(asio::buffer(bytes), use_gyre)));
    co_await sleep(24h);
    CHECK_FALSE(reader.done());
    co_await p.client.async_write_some(asio::buffer("there?", 6), use_gyre);
    CHECK_AWAITED(reader, == asio::error::connection_reset);
  });
}

TEST_CASE("network: a connection that breaks in a write has carried the first bytes or none, and both ends hear of it",
          "[testing][network]") {
  simulate_all(50, []() -> coro<> {
    network net(network_options().capacity(100));
    pair_of_streams p = co_await connect_pair(net);
    const std::string sent = pattern(5000);
    task<error_code> writer = create_task(
        [](stream& s, const std::string* text) -> coro<error_code> {
          co_return co_await code_of(asio::async_write(s, asio::buffer(*text), use_gyre));
        },
        std::ref(p.client), &sent);
    std::string got(1000, '\0');
    co_await asio::async_read(p.server, asio::buffer(got), use_gyre);
    net.set_options(network_options().capacity(100).resets(0.5));
    error_code end;
    got += co_await read_all(p.server, end);
    CHECK(end == asio::error::connection_reset);
    CHECK_AWAITED(writer, == asio::error::connection_reset);
    CHECK(got == sent.substr(0, got.size()));
    CHECK(got.size() < sent.size());
  });
}

TEST_CASE("network: what arrived before a reset can be read, what was under way may be lost", "[testing][network]") {
  simulate_all(30, []() -> coro<> {
    network net(calm());
    pair_of_streams p = co_await connect_pair(net);
    co_await asio::async_write(p.server, asio::buffer("first", 5), use_gyre);
    co_await sleep(1s);
    co_await asio::async_write(p.server, asio::buffer("second", 6), use_gyre);
    p.server.reset();
    co_await sleep(1s);
    error_code end;
    const std::string got = co_await read_all(p.client, end);
    CHECK((got == "first" || got == "firstsecond"));
    CHECK(end == asio::error::connection_reset);
  });
}

TEST_CASE("network: operations of no bytes end at once, with success", "[testing][network]") {
  simulate_all(5, []() -> coro<> {
    network net(calm());
    pair_of_streams p = co_await connect_pair(net);
    CHECK_AWAITED(p.client.async_read_some(asio::mutable_buffer(), use_gyre), == 0);
    CHECK_AWAITED(p.client.async_write_some(asio::const_buffer(), use_gyre), == 0);
    CHECK_AWAITED(asio::async_write(p.client, asio::buffer("", 0), use_gyre), == 0);
  });
}

TEST_CASE("network: what is not connected has the errors of a socket that is not", "[testing][network]") {
  simulate_all(5, []() -> coro<> {
    network net(calm());
    stream s(net, "client");
    std::array<char, 8> bytes{};
    CHECK_AWAITED(code_of(s.async_read_some(asio::buffer(bytes), use_gyre)), == asio::error::bad_descriptor);
    s.open();
    CHECK_AWAITED(code_of(s.async_read_some(asio::buffer(bytes), use_gyre)), == asio::error::not_connected);
    CHECK_AWAITED(code_of(s.async_write_some(asio::buffer(bytes), use_gyre)), == asio::error::broken_pipe);
    error_code why;
    s.shutdown(stream::shutdown_both, why);
    CHECK(why == asio::error::not_connected);
    const network_address nobody("server", 9);
    CHECK_AWAITED(code_of(s.async_connect(nobody, use_gyre)), == asio::error::connection_refused);
    pair_of_streams p = co_await connect_pair(net);
    CHECK_AWAITED(code_of(p.client.async_connect(nobody, use_gyre)), == asio::error::already_connected);
  });
}

TEST_CASE("network: an address is taken once, and free again when its acceptor closes", "[testing][network]") {
  simulate_all(2, []() -> coro<> {
    network net(calm());
    const network_address at("server", 80);
    network::acceptor first(net, at);
    CHECK_THROWS_AS(network::acceptor(net, at), boost::system::system_error);
    stream client(net, "client");
    co_await client.async_connect(at, use_gyre);
    first.close();
    std::array<char, 1> byte{};
    CHECK_AWAITED(code_of(client.async_read_some(asio::buffer(byte), use_gyre)), == asio::error::connection_reset);
    network::acceptor second(net, at);
    client.close();
    co_await client.async_connect(at, use_gyre);
    stream peer = co_await second.async_accept(use_gyre);
    CHECK(peer.remote_endpoint() == client.local_endpoint());
    CHECK(to_string(peer.local_endpoint()) == "server:80");
  });
}
