// SPDX-License-Identifier: BSL-1.0
// What goes wrong with sockets, as a user of Asio and use_gyre sees it.
#include "loop_test.hpp"
#include "loopback.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gyre/asio.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <vector>

using namespace gyre;
using namespace gyre_test;
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Closes so that the peer gets a reset.
void reset(tcp::socket& socket) {
  socket.set_option(asio::socket_base::linger(true, 0));
  socket.close();
}

// The error that an operation ends with, none for success.
template <class T>
coro<error_code> code_of(coro<T> operation) {
  error_code code;
  try {
    static_cast<void>(co_await std::move(operation));
  } catch (const boost::system::system_error& e) {
    code = e.code();
  }
  co_return code;
}

coro<tcp::socket> accept_one(tcp::acceptor& acceptor) { co_return co_await acceptor.async_accept(use_gyre); }
coro<std::size_t> write_all(tcp::socket& socket, asio::const_buffer bytes) {
  co_return co_await asio::async_write(socket, bytes, use_gyre);
}
coro<std::size_t> read_some(tcp::socket& socket, std::array<char, 16>& bytes) {
  co_return co_await socket.async_read_some(asio::buffer(bytes), use_gyre);
}

// No more descriptors for this process, until it goes.
class no_descriptors {
 public:
  no_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    const int highest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    few.rlim_cur = static_cast<rlim_t>(highest) + 1;
    ::setrlimit(RLIMIT_NOFILE, &few);
    taken_.push_back(highest);
    for (int fd = ::dup(highest); fd >= 0; fd = ::dup(highest)) taken_.push_back(fd);
  }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;
  ~no_descriptors() {
    for (const int each : taken_) ::close(each);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  void give_one_back() {
    ::close(taken_.back());
    taken_.pop_back();
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

}  // namespace

TEST_CASE("FAULT-27: without descriptors accept throws once an await, and takes the connection later", "[faults]") {
  for (const int loops : {1, 4}) {
    const auto main = []() -> coro<> {
      tcp::acceptor acceptor = listen_on_loopback();
      tcp::socket client(native_context());
      client.open(tcp::v4());
      no_descriptors none;
      co_await client.async_connect(acceptor.local_endpoint(), use_gyre);
      for (int i = 0; i < 3; ++i) {
        const error_code refused = co_await code_of(accept_one(acceptor));
        CHECK(refused == boost::system::errc::too_many_files_open);
        co_await sleep(1ms);  // what a server should do: the loop is free meanwhile
      }
      none.give_one_back();
      tcp::socket server = co_await acceptor.async_accept(use_gyre);
      co_await asio::async_write(server, asio::buffer("x", 1), use_gyre);
      std::array<char, 16> bytes{};
      const std::size_t read = co_await read_some(client, bytes);
      CHECK(read == 1);
    };
    run(main(), run_options().loops(loops));
  }
}

TEST_CASE("FAULT-28: a connection that is gone before it is accepted does not disturb the next", "[faults]") {
  const auto main = []() -> coro<> {
    tcp::acceptor acceptor = listen_on_loopback();
    tcp::socket gone(native_context());
    co_await gone.async_connect(acceptor.local_endpoint(), use_gyre);
    reset(gone);
    tcp::socket client(native_context());
    co_await client.async_connect(acceptor.local_endpoint(), use_gyre);
    co_await asio::async_write(client, asio::buffer("x", 1), use_gyre);
    bool served = false;
    for (int i = 0; i < 2 && !served; ++i) {
      tcp::socket server = co_await acceptor.async_accept(use_gyre);
      std::array<char, 16> bytes{};
      const error_code error = co_await code_of(read_some(server, bytes));
      served = !error && bytes[0] == 'x';
      if (!served) CHECK(error == asio::error::connection_reset);
    }
    CHECK(served);
  };
  run(main(), one_loop());
}

TEST_CASE("FAULT-29, FAULT-33: a reset in mid-write is an error of that write, once, and never a SIGPIPE", "[faults]") {
  const auto main = []() -> coro<> {
    connection ends = co_await connect_pair();
    const std::vector<char> much(32 << 20);
    const task<error_code> writer = create_task(code_of(write_all(ends.server, asio::buffer(much))));
    std::array<char, 16> bytes{};
    static_cast<void>(co_await read_some(ends.client, bytes));
    reset(ends.client);
    const error_code first = co_await writer;
    const bool as_promised = first == asio::error::connection_reset || first == asio::error::broken_pipe;
    CHECK(as_promised);
    // Asio tries the next write only when epoll has news, which may be never: a cancel ends it.
    const task<error_code> next = create_task(code_of(write_all(ends.server, asio::buffer(much))));
    co_await settle();
    next.cancel();
    static_cast<void>(co_await wait(next));
    const bool ended = next.cancelled() || next.result() == asio::error::broken_pipe;
    CHECK(ended);
  };
  run(main(), one_loop());
}

TEST_CASE("FAULT-29, FAULT-33: a write to a side that was shut down is a broken pipe", "[faults]") {
  const auto main = []() -> coro<> {
    connection ends = co_await connect_pair();
    ends.server.shutdown(tcp::socket::shutdown_send);
    const std::vector<char> some(8);
    const error_code error = co_await code_of(write_all(ends.server, asio::buffer(some)));
    CHECK(error == asio::error::broken_pipe);
  };
  run(main(), one_loop());
}

TEST_CASE("FAULT-33: a pipe without a reader gives broken_pipe once the process ignores SIGPIPE", "[faults]") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const auto main = []() -> coro<> {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    asio::posix::stream_descriptor writer(native_context(), ends[1]);
    ::close(ends[0]);
    const auto write_one = [](asio::posix::stream_descriptor& to) -> coro<std::size_t> {
      co_return co_await asio::async_write(to, asio::buffer("x", 1), use_gyre);
    };
    const error_code error = co_await code_of(write_one(writer));
    CHECK(error == asio::error::broken_pipe);
  };
  run(main(), one_loop());
  std::signal(SIGPIPE, before);
}

TEST_CASE("FAULT-30: after a half-close by the peer the reader gets the end, and writes arrive", "[faults]") {
  const auto main = []() -> coro<> {
    connection ends = co_await connect_pair();
    ends.client.shutdown(tcp::socket::shutdown_send);
    std::array<char, 16> bytes{};
    const error_code end = co_await code_of(read_some(ends.server, bytes));
    CHECK(end == asio::error::eof);
    co_await asio::async_write(ends.server, asio::buffer("late", 4), use_gyre);
    ends.server.close();
    const std::size_t read = co_await asio::async_read(ends.client, asio::buffer(bytes, 4), use_gyre);
    CHECK(read == 4);
    const error_code both_ended = co_await code_of(read_some(ends.client, bytes));
    CHECK(both_ended == asio::error::eof);
  };
  run(main(), one_loop());
}

TEST_CASE("FAULT-43: a task whose descriptor was closed under it can be cancelled, and others go on", "[faults]") {
  for (const int loops : {1, 4}) {
    const auto main = []() -> coro<> {
      connection ends = co_await connect_pair();
      const auto reader = [](tcp::socket& from) -> coro<> {
        std::array<char, 16> bytes{};
        static_cast<void>(co_await read_some(from, bytes));
      };
      const task_options here{.name = "reader", .pin = true};
      const task<> reading = create_task(reader(ends.server), here);
      co_await settle();
      ::close(ends.server.native_handle());
      reading.cancel();
      static_cast<void>(co_await wait(reading));
      CHECK(reading.cancelled());
      static_cast<void>(ends.server.release());  // the number may be another file's soon
      connection others = co_await connect_pair();
      co_await asio::async_write(others.client, asio::buffer("x", 1), use_gyre);
      std::array<char, 16> bytes{};
      const std::size_t read = co_await read_some(others.server, bytes);
      CHECK(read == 1);
    };
    run(main(), run_options().loops(loops));
  }
}

TEST_CASE("FAULT-44: reads and writes of nothing give 0", "[faults]") {
  const auto main = []() -> coro<> {
    connection ends = co_await connect_pair();
    const std::vector<char> nothing;
    const std::size_t written = co_await write_all(ends.client, asio::buffer(nothing));
    CHECK(written == 0);
    std::array<char, 1> room{};
    const std::size_t read = co_await ends.server.async_read_some(asio::buffer(room, 0), use_gyre);
    CHECK(read == 0);
    co_await asio::async_write(ends.client, asio::buffer("x", 1), use_gyre);
    const std::size_t some = co_await ends.server.async_read_some(asio::buffer(room), use_gyre);
    CHECK(some == 1);
  };
  run(main(), one_loop());
}
