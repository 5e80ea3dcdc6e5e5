// SPDX-License-Identifier: BSL-1.0
// Sockets: an echo server whose peers write in bits, reset and half-close; and fork-join work beside input and output.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gyre/asio.hpp>

#include <array>

#include "crowd.hpp"

namespace storm {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr std::size_t peers = 4;

// --- the server ------------------------------------------------------------------------------------------------------
struct echo_server {
  explicit echo_server(trial& round) : t(round) {}
  trial& t;
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> closed{0};
};

gyre::coro<> echo(echo_server& s, tcp::socket socket, dice d, alive) {
  std::array<char, 256> buffer;
  try {
    for (;;) {
      const std::size_t room = 1 + d.below(buffer.size());
      const std::size_t got = co_await socket.async_read_some(asio::buffer(buffer.data(), room), gyre::use_gyre);
      co_await asio::async_write(socket, asio::buffer(buffer.data(), got), gyre::use_gyre);
      s.t.did();
    }
  } catch (const boost::system::system_error&) {  // its end, or a reset
  }
  ++s.closed;
}

gyre::coro<> serve(echo_server& s, tcp::acceptor acceptor, dice d, alive) {
  for (;;) {
    gyre::task_options place = anywhere(d);
    if (place.loop == nullptr) place.loop = &gyre::get_running_loop();
    tcp::socket socket(gyre::native_context(*place.loop));
    try {
      co_await acceptor.async_accept(socket, gyre::use_gyre);
    } catch (const boost::system::system_error&) {  // the peer is gone already, or no descriptor is free
      continue;
    }
    ++s.accepted;
    gyre::create_task(place, echo, std::ref(s), std::move(socket), d.split(), alive(s.t));
  }
}

gyre::coro<std::uint16_t> listen(echo_server& s, dice d, gyre::task<>& serving) {
  tcp::acceptor acceptor(gyre::native_context(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const std::uint16_t port = acceptor.local_endpoint().port();
  serving = gyre::create_task(serve, std::ref(s), std::move(acceptor), d, alive(s.t));
  co_return port;
}

// --- a peer ----------------------------------------------------------------------------------------------------------
int connect_to(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

bool send_all(int fd, const std::string& text, dice& d) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t wanted = std::min(text.size() - at, 1 + d.below(100));
    const ssize_t sent = ::send(fd, text.data() + at, wanted, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += static_cast<std::size_t>(sent);
    if (d.one_in(8)) std::this_thread::yield();
  }
  return true;
}

std::string receive(int fd, std::size_t most, dice& d) {
  std::string text;
  std::array<char, 512> buffer;
  while (text.size() < most) {
    const std::size_t wanted = std::min(most - text.size(), 1 + d.below(buffer.size()));
    const ssize_t got = ::recv(fd, buffer.data(), wanted, 0);
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

void reset(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(fd);
}

// One connection. The bytes that must come back all do.
void call(trial& t, std::uint16_t port, dice d) {
  const int fd = connect_to(port);
  if (fd < 0) return t.violated("a peer cannot connect");
  std::string text(1 + d.below(2'000), '\0');
  for (char& c : text) c = static_cast<char>('a' + d.below(26));
  const std::size_t way = d.below(5);
  if (way == 0) return reset(fd);
  t.expect(send_all(fd, text, d), "a peer cannot send");
  if (way == 1) return reset(fd);  // with the answer on its way
  if (way == 2) {
    static_cast<void>(receive(fd, d.below(text.size()), d));
    return reset(fd);
  }
  if (way == 3) ::shutdown(fd, SHUT_WR);  // half-open: the answer comes all the same, and then the end
  const std::string answer = receive(fd, way == 3 ? text.size() + 1 : text.size(), d);
  t.expect(answer == text, "an echo differs from what was sent");
  ::close(fd);
}

void echo_chaos(trial& t) {
  echo_server s(t);
  gyre::runtime r(gyre::run_options().loops(t.loops));
  refuse_reports(t, r);
  t.show(&r.loop(0));
  gyre::task<> serving;
  const std::uint16_t port = gyre::run_coroutine_threadsafe(listen(s, t.random.split(), serving), r.loop(0)).result();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < peers; ++i) {
    threads.emplace_back([&t, port, d = t.random.split()]() mutable {
      for (std::size_t n = 0; n < t.size; ++n) call(t, port, d.split());
    });
  }
  for (std::thread& each : threads) each.join();
  while (s.accepted.load() < peers * t.size || s.closed.load() < s.accepted.load()) std::this_thread::yield();
  serving.cancel();
  t.show(nullptr);
  r.stop();
  t.expect_equal("connections", s.closed.load(), peers * t.size);
}

// --- fork-join beside input and output -------------------------------------------------------------------------------
gyre::coro<std::uint64_t> fib(std::uint64_t n) {
  if (n < 2) co_return n;
  const auto [a, b] = co_await gyre::gather(fib(n - 1), fib(n - 2));
  co_return a + b;
}

gyre::coro<> compute(trial& t, const std::atomic<bool>& over) {
  while (!over.load()) {
    const std::uint64_t result = co_await fib(12);
    t.expect_equal("fib(12)", result, 144);
    t.did(465);
  }
}

using local_socket = asio::local::stream_protocol::socket;

gyre::coro<> reflect(local_socket socket, alive) {
  char byte = 0;
  try {
    for (;;) {
      co_await asio::async_read(socket, asio::buffer(&byte, 1), gyre::use_gyre);
      co_await asio::async_write(socket, asio::buffer(&byte, 1), gyre::use_gyre);
    }
  } catch (const boost::system::system_error&) {  // the other end is closed
  }
}

gyre::coro<> exchange(trial& t, dice d, alive) {
  gyre::event_loop& near = gyre::current_runtime().loop(d.between(0, t.loops - 1));
  gyre::event_loop& far = gyre::current_runtime().loop(d.between(0, t.loops - 1));
  local_socket here(gyre::native_context(near));
  local_socket there(gyre::native_context(far));
  asio::local::connect_pair(here, there);
  const gyre::task_options place{.pin = true, .loop = &far};
  const gyre::task<> mirror = gyre::create_task(place, reflect, std::move(there), alive(t));
  for (std::size_t i = 0; i < t.size; ++i) {
    char byte = static_cast<char>(i);
    co_await asio::async_write(here, asio::buffer(&byte, 1), gyre::use_gyre);
    byte = 0;
    co_await asio::async_read(here, asio::buffer(&byte, 1), gyre::use_gyre);
    t.expect(byte == static_cast<char>(i), "another byte came back");
    if (d.one_in(4)) co_await gyre::sleep(d.delay(50us));
    t.did();
  }
  here.close();
  co_await mirror;
}

gyre::coro<> compute_and_exchange(trial& t) {
  std::atomic<bool> over{false};
  std::vector<gyre::task<>> workers;
  for (int i = 0; i < 4; ++i) workers.push_back(gyre::create_task(compute, std::ref(t), std::cref(over)));
  std::vector<gyre::task<>> talkers;
  for (int i = 0; i < 4; ++i) talkers.push_back(gyre::create_task(exchange, std::ref(t), t.random.split(), alive(t)));
  std::exception_ptr error;
  try {
    co_await gyre::gather(talkers);
  } catch (...) {
    error = std::current_exception();
  }
  over.store(true);
  co_await gyre::gather(workers);
  if (error != nullptr) std::rethrow_exception(error);
}

void fork_join_io(trial& t) { gyre::run(run_body(t, &compute_and_exchange), gyre::run_options().loops(t.loops)); }

const registered all_io[] = {
    registered(
        {"echo_chaos", "an echo server whose peers write in bits, reset, half-close", nullptr, &echo_chaos, 40, 5}),
    registered({"fork_join_io", "fork-joins on all loops beside sockets", nullptr, &fork_join_io, 60, 8}),
};

}  // namespace
}  // namespace storm
