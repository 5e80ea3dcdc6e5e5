// SPDX-License-Identifier: BSL-1.0
#pragma once
// HTTP/1.1 over Boost.Beast: one task for each connection, on every loop.
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <gyre/asio.hpp>
#include <gyre/gyre.hpp>

namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using gyre::use_gyre;
using namespace std::chrono_literals;
using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

struct http_server {
  std::function<response(const request&)> answer;           // may run on all loops at once
  std::chrono::milliseconds patience;                       // from the first byte of a request to its last
  std::shared_ptr<void> running = std::make_shared<int>();  // each running request has a copy
  std::atomic<bool> draining = false;
  gyre::coro<> accept(tcp::acceptor acceptor) {  ///< Serves all who connect, spread over the loops, until cancelled.
    for (int next = 0;; next = (next + 1) % gyre::loop_count()) {
      gyre::task_options home;
      home.loop = &gyre::current_runtime().loop(next);
      tcp::socket socket(gyre::native_context(*home.loop));
      try {
        co_await acceptor.async_accept(socket, use_gyre);
        gyre::create_task(serve(std::move(socket)), home);
        continue;
      } catch (const boost::system::system_error&) {  // no descriptor is free
      }
      co_await gyre::sleep(50ms);
    }
  }
  gyre::coro<> drain() {  ///< Lets the running requests end, which takes a second at most.
    draining = true;
    const double end = gyre::get_running_loop().time() + 1;
    while (running.use_count() > 1 && gyre::get_running_loop().time() < end) co_await gyre::sleep(5ms);
  }
  static gyre::coro<> end_of(auto operation) { co_await std::move(operation); }  // a coroutine, for wait_for()
  gyre::coro<> serve(tcp::socket socket) {
    boost::beast::flat_buffer input;
    try {
      do {
        if (input.size() == 0) co_await gyre::wait_for(end_of(socket.async_wait(socket.wait_read, use_gyre)), 60s);
      } while (co_await serve_one(socket, input));
      socket.shutdown(tcp::socket::shutdown_send);
      for (int i = 0; i < 1024; ++i) {  // closing over unread bytes would destroy the response on its way
        co_await gyre::wait_for(end_of(socket.async_read_some(input.prepare(4096), use_gyre)), 1s);
      }
    } catch (const std::exception&) {  // the client is gone, or silent
    }
  }
  /// Answers one request; gives false when the connection shall end.
  gyre::coro<bool> serve_one(tcp::socket& socket, boost::beast::flat_buffer& input) {
    const std::shared_ptr<void> one_more = running;
    http::request_parser<http::string_body> parser;
    http::status status = http::status::ok;
    try {
      co_await gyre::wait_for(end_of(http::async_read(socket, input, parser, use_gyre)), patience);
    } catch (const gyre::timeout_error&) {
      status = http::status::request_timeout;
    } catch (const boost::system::system_error& failure) {
      const auto why = failure.code();
      const bool malformed = why.category() == make_error_code(http::error::bad_target).category();
      if (!malformed || why == http::error::end_of_stream) throw;
      status = http::status::bad_request;
      if (why == http::error::header_limit) status = http::status::request_header_fields_too_large;
      if (why == http::error::body_limit) status = http::status::payload_too_large;
    }
    const request& asked = parser.get();
    response out = status == http::status::ok ? answer(asked) : response(status, 11, "refused\n");
    out.version(asked.version());
    out.keep_alive(status == http::status::ok && asked.keep_alive() && !draining);
    out.prepare_payload();
    if (asked.method() == http::verb::head) out.body().clear();  // its length stays in the header
    co_await gyre::wait_for(end_of(http::async_write(socket, out, use_gyre)), 60s);
    co_return out.keep_alive();
  }
};
