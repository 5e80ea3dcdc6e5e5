// SPDX-License-Identifier: BSL-1.0
// use_gyre: Asio operations awaited from tasks.
#include "loopback.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <gyre/asio.hpp>
#include <gyre/gyre.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

const std::array<int, 5> loop_counts{1, 2, 4, 8, 64};

run_options loops(int n) { return run_options().loops(n); }

coro<> echo(tcp::socket socket) {
  std::array<char, 256> bytes{};
  boost::system::error_code end;
  try {
    for (;;) {
      const std::size_t n = co_await socket.async_read_some(asio::buffer(bytes), use_gyre);
      co_await asio::async_write(socket, asio::buffer(bytes, n), use_gyre);
    }
  } catch (const boost::system::system_error& e) {
    end = e.code();
  }
  if (end != asio::error::eof) throw boost::system::system_error(end);
}

coro<int> round_trips(tcp::socket socket, int n) {
  std::array<char, 32> bytes{};
  int sum = 0;
  for (int i = 0; i < n; ++i) {
    bytes[0] = static_cast<char>(i);
    co_await asio::async_write(socket, asio::buffer(bytes), use_gyre);
    bytes[0] = 0;
    sum += static_cast<int>(co_await asio::async_read(socket, asio::buffer(bytes), use_gyre));
    if (bytes[0] != static_cast<char>(i)) sum += 1'000'000;
  }
  co_return sum;
}

coro<> read_once(tcp::socket& socket) {
  std::array<char, 16> bytes{};
  co_await socket.async_read_some(asio::buffer(bytes), use_gyre);
}

}  // namespace

TEST_CASE("asio: connections of many tasks are served on any number of loops, stolen in between or not", "[io][asio]") {
  for (const int n : loop_counts) {
    INFO(n << " loops");
    const int sum = run([]() -> coro<int> {
      std::vector<task<>> servers;
      std::vector<task<int>> clients;
      for (int i = 0; i < 16; ++i) {
        connection c = co_await connect_pair();
        servers.push_back(create_task(echo(std::move(c.server))));
        clients.push_back(create_task(round_trips(std::move(c.client), 50)));
      }
      int total = 0;
      for (const auto& each : clients) total += co_await each;
      for (const auto& each : servers) co_await each;
      co_return total;
    }(), loops(n));
    CHECK(sum == 16 * 50 * 32);
  }
}

TEST_CASE("asio: a cancel reaches the operation, and the task goes on only when that has ended", "[io][asio]") {
  for (const int n : loop_counts) {
    INFO(n << " loops");
    const int cancelled = run([]() -> coro<int> {
      std::vector<connection> connections;
      for (int i = 0; i < 8; ++i) connections.push_back(co_await connect_pair());
      std::vector<task<>> readers;
      for (connection& c : connections) readers.push_back(create_task(read_once, std::ref(c.client)));
      co_await sleep(2ms);
      for (const auto& each : readers) each.cancel();
      co_await wait(readers);
      int ended = 0;
      for (const auto& each : readers) ended += each.cancelled() ? 1 : 0;
      // The sockets are as good as before.
      for (connection& c : connections) {
        co_await asio::async_write(c.server, asio::buffer("x", 1), use_gyre);
        std::array<char, 1> byte{};
        co_await asio::async_read(c.client, asio::buffer(byte), use_gyre);
      }
      co_return ended;
    }(), loops(n));
    CHECK(cancelled == 8);
  }
}

TEST_CASE("asio: a cancel that races a completion ends in exactly one of the two", "[io][asio]") {
  const int rounds = run([]() -> coro<int> {
    int done = 0;
    for (int i = 0; i < 300; ++i) {
      connection c = co_await connect_pair();
      task<> reader = create_task(read_once, std::ref(c.client));
      co_await sleep(0ns);
      task<> writer = create_task([](tcp::socket& s) -> coro<> {
        co_await asio::async_write(s, asio::buffer("x", 1), use_gyre);
      }, std::ref(c.server));
      if (i % 3 != 0) co_await sleep(0ns);
      reader.cancel();
      co_await wait(reader, writer);
      done += reader.done() && writer.done() ? 1 : 0;
    }
    co_return done;
  }(), loops(4));
  CHECK(rounds == 300);
}

TEST_CASE("asio: wait_for limits an operation", "[io][asio]") {
  for (const int n : {1, 4}) {
    const bool timed_out = run([]() -> coro<bool> {
      connection c = co_await connect_pair();
      bool expired = false;
      try {
        co_await wait_for(read_once(c.client), 5ms);
      } catch (const timeout_error&) {
        expired = true;
      }
      co_return expired;
    }(), loops(n));
    CHECK(timed_out);
  }
}

TEST_CASE("asio: an operation's error is thrown as system_error", "[io][asio]") {
  const boost::system::error_code code = run([]() -> coro<boost::system::error_code> {
    tcp::endpoint nobody;
    {
      tcp::acceptor closed = listen_on_loopback();
      nobody = closed.local_endpoint();
    }
    tcp::socket socket(native_context());
    boost::system::error_code failure;
    try {
      co_await socket.async_connect(nobody, use_gyre);
    } catch (const boost::system::system_error& e) {
      failure = e.code();
    }
    co_return failure;
  }(), loops(1));
  CHECK(code == asio::error::connection_refused);
}

TEST_CASE("asio: timers of Asio and a post through the loop's executor work", "[io][asio]") {
  const bool ran = run([]() -> coro<bool> {
    asio::steady_timer timer(native_context());
    timer.expires_after(1ms);
    co_await timer.async_wait(use_gyre);
    event called;
    asio::post(get_executor(get_running_loop()), [&called] { called.set(); });
    co_return co_await called.wait();
  }(), loops(2));
  CHECK(ran);
}

TEST_CASE("asio: a pinned task's operations complete on its own thread", "[io][asio]") {
  const bool stayed = run([]() -> coro<bool> {
    connection c = co_await connect_pair();
    task_options pinned;
    pinned.pin = true;
    const auto talk = [](tcp::socket& from, tcp::socket& to) -> coro<bool> {
      const std::thread::id mine = std::this_thread::get_id();
      bool same = true;
      std::array<char, 1> byte{};
      for (int i = 0; i < 100; ++i) {
        co_await asio::async_write(from, asio::buffer("x", 1), use_gyre);
        same = same && mine == std::this_thread::get_id();
        co_await asio::async_read(to, asio::buffer(byte), use_gyre);
        same = same && mine == std::this_thread::get_id();
      }
      co_return same;
    };
    co_return co_await create_task(pinned, talk, std::ref(c.client), std::ref(c.server));
  }(), loops(4));
  CHECK(stayed);
}

TEST_CASE("asio: a loop that closes with operations under way leaks and touches nothing", "[io][asio]") {
  for (const int n : {1, 4}) {
    run([]() -> coro<> {
      connection c = co_await connect_pair();
      const auto stay = [](connection both) -> coro<> { co_await read_once(both.client); };
      create_task(stay(std::move(c)));
      co_await sleep(1ms);
    }(), loops(n));
  }
}
