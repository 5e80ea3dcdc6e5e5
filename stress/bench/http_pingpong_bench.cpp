// SPDX-License-Identifier: BSL-1.0
// http_pingpong: one request and its response over one of 20 connections. With two loops the server is on one, the client
// on the other; with one they share it.
#include <boost/asio/read.hpp>

#include <atomic>

#include "echo_server.hpp"
#include "harness/http.hpp"

namespace {

namespace asio = boost::asio;
using bench::tcp;

constexpr std::size_t buffer_bytes = 4096;

gyre::coro<> answer_requests(tcp::socket socket, std::atomic<std::int64_t>& served) {
  std::array<char, buffer_bytes> request;
  try {
    for (;;) {
      co_await socket.async_read_some(asio::buffer(request), gyre::use_gyre);
      served.fetch_add(1, std::memory_order_relaxed);  // before the client can see it
      co_await asio::async_write(socket, asio::buffer(bench::http_response), gyre::use_gyre);
    }
  } catch (const boost::system::system_error&) {  // the client has left
  }
}

gyre::coro<> serve_http(tcp::acceptor acceptor, std::atomic<std::int64_t>& served) {
  for (int i = 0; i < bench::http_connections; ++i) {
    tcp::socket socket = co_await acceptor.async_accept(gyre::use_gyre);
    gyre::create_task(answer_requests(std::move(socket), served));
  }
}

gyre::coro<std::uint16_t> start_server(std::atomic<std::int64_t>& served) {
  tcp::acceptor acceptor = bench::listen(gyre::native_context(), 0);
  const std::uint16_t port = acceptor.local_endpoint().port();
  gyre::create_task(serve_http(std::move(acceptor), served));
  co_return port;
}

gyre::coro<std::int64_t> send_requests(std::uint16_t port, std::int64_t count) {
  tcp::socket socket(gyre::native_context());
  const tcp::endpoint server(asio::ip::address_v4::loopback(), port);
  co_await socket.async_connect(server, gyre::use_gyre);
  std::array<char, buffer_bytes> response;
  std::int64_t done = 0;
  for (; done < count; ++done) {
    co_await asio::async_write(socket, asio::buffer(bench::http_request), gyre::use_gyre);
    std::size_t got = 0;
    while (got < bench::http_response.size()) {
      const auto free = asio::buffer(response) + got;
      got += co_await socket.async_read_some(free, gyre::use_gyre);
    }
    bench::require(got == bench::http_response.size(), "http_pingpong: the response is complete");
  }
  co_return done;
}

gyre::coro<std::int64_t> run_clients(std::uint16_t port, std::int64_t requests) {
  std::vector<gyre::task<std::int64_t>> clients;
  for (int i = 0; i < bench::http_connections; ++i) {
    clients.push_back(gyre::create_task(send_requests(port, bench::http_share(requests, i))));
  }
  co_return co_await bench::sum_of(clients);
}

bench::outcome run_http_pingpong(const bench::request& wanted) {
  std::atomic<std::int64_t> served{0};
  gyre::runtime runtime(bench::runtime_options(wanted));
  gyre::event_loop& client_loop = runtime.loop(runtime.loop_count() - 1);
  const std::uint16_t port = gyre::run_coroutine_threadsafe(start_server(served), runtime.loop(0)).result();
  const bench::stopwatch watch;
  const std::int64_t done = gyre::run_coroutine_threadsafe(run_clients(port, wanted.size), client_loop).result();
  const bench::outcome result = watch.stop(done);
  runtime.stop();
  bench::require(done == wanted.size && served == done, "http_pingpong: every request was served");
  return result;
}

const bench::workload registered{"http_pingpong", run_http_pingpong};

}  // namespace
