// SPDX-License-Identifier: BSL-1.0
// Boost.Asio: the echo server, alone and beside a task that computes for 200 ms at a time, and HTTP ping-pong, client and
// server on an io_context each (with one thread: on the same).
#include <thread>

#include "harness/http.hpp"
#include "pool.hpp"

namespace {

using tcp = asio::ip::tcp;

awaitable<void> reply(tcp::socket socket) {
  socket.set_option(tcp::no_delay(true));
  char buffer[4096];
  try {
    for (;;) {
      const std::size_t got = co_await socket.async_read_some(asio::buffer(buffer), use_awaitable);
      co_await asio::async_write(socket, asio::buffer(buffer, got), use_awaitable);
    }
  } catch (const boost::system::system_error&) {  // the client has left
  }
}

awaitable<void> serve(tcp::acceptor& acceptor) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
    co_spawn(acceptor.get_executor(), reply(std::move(socket)), asio::detached);
  }
}

awaitable<void> burn() {
  for (;;) {
    const std::int64_t end = bench::monotonic_ns() + 200'000'000;
    while (bench::monotonic_ns() < end) {
    }
    co_await yield();
  }
}

/// Serves until the process is killed.
bench::outcome serve_echo(const bench::request& wanted, bool beside_burner) {
  pool runtime(wanted.threads);
  tcp::acceptor acceptor(runtime.context, {asio::ip::address_v4::loopback(), 0});
  acceptor.listen(2048);
  bench::announce_port(acceptor.local_endpoint().port());
  co_spawn(runtime.context, serve(acceptor), asio::detached);
  if (beside_burner) co_spawn(runtime.context, burn(), asio::detached);
  runtime.run();
  return {};
}

bench::outcome echo(const bench::request& wanted) { return serve_echo(wanted, false); }
bench::outcome burner(const bench::request& wanted) { return serve_echo(wanted, true); }

awaitable<void> answer_requests(tcp::socket socket, std::int64_t& served) {
  char request[4096];
  try {
    for (;;) {
      co_await socket.async_read_some(asio::buffer(request), use_awaitable);
      co_await asio::async_write(socket, asio::buffer(bench::http_response), use_awaitable);
      ++served;
    }
  } catch (const boost::system::system_error&) {  // the client has left
  }
}

awaitable<void> serve_http(tcp::acceptor& acceptor, std::int64_t& served) {
  for (int i = 0; i < bench::http_connections; ++i) {
    tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
    co_spawn(acceptor.get_executor(), answer_requests(std::move(socket), served), asio::detached);
  }
}

awaitable<void> send_requests(asio::io_context& context, tcp::endpoint server, std::int64_t count, std::int64_t& done) {
  tcp::socket socket(context);
  co_await socket.async_connect(server, use_awaitable);
  char response[4096];
  for (std::int64_t i = 0; i < count; ++i) {
    co_await asio::async_write(socket, asio::buffer(bench::http_request), use_awaitable);
    std::size_t got = 0;
    while (got < bench::http_response.size()) {
      got += co_await socket.async_read_some(asio::buffer(response) + got, use_awaitable);
    }
    bench::require(got == bench::http_response.size(), "http_pingpong: the response is complete");
    ++done;
  }
}

bench::outcome http_pingpong(const bench::request& wanted) {
  asio::io_context server_context(1);
  asio::io_context other_context(1);
  asio::io_context& client_context = wanted.threads > 1 ? other_context : server_context;
  tcp::acceptor acceptor(server_context, {asio::ip::address_v4::loopback(), 0});
  std::int64_t served = 0;
  std::int64_t done = 0;
  co_spawn(server_context, serve_http(acceptor, served), asio::detached);
  const bench::stopwatch watch;
  for (int i = 0; i < bench::http_connections; ++i) {
    const std::int64_t share = bench::http_share(wanted.size, i);
    co_spawn(client_context, send_requests(client_context, acceptor.local_endpoint(), share, done), asio::detached);
  }
  std::thread client;
  if (wanted.threads > 1) client = std::thread([&] { client_context.run(); });
  server_context.run();
  if (client.joinable()) client.join();
  const bench::outcome result = watch.stop(done);
  bench::require(done == wanted.size && served == done, "http_pingpong: every request was served");
  return result;
}

const bench::workload workloads[] = {{"echo", echo}, {"burner", burner}, {"http_pingpong", http_pingpong}};

}  // namespace
