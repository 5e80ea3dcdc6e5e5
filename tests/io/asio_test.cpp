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
    const int sum = run(
        []() -> coro<int> {
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
        }(),
        loops(n));
    CHECK(sum == 16 * 50 * 32);
  }
}

TEST_CASE("asio: a cancel reaches the operation, and the task goes on only when that has ended", "[io][asio]") {
  for (const int n : loop_counts) {
    INFO(n << " loops");
    const int cancelled = run(
        []() -> coro<int> {
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
        }(),
        loops(n));
    CHECK(cancelled == 8);
  }
}

TEST_CASE("asio: a cancel that races a completion ends in exactly one of the two", "[io][asio]") {
  const int rounds = run(
      []() -> coro<int> {
        int done = 0;
        for (int i = 0; i < 300; ++i) {
          connection c = co_await connect_pair();
          task<> reader = create_task(read_once, std::ref(c.client));
          co_await sleep(0ns);
          task<> writer = create_task(
              [](tcp::socket& s) -> coro<> { co_await asio::async_write(s, asio::buffer("x", 1), use_gyre); },
              std::ref(c.server));
          if (i % 3 != 0) co_await sleep(0ns);
          reader.cancel();
          co_await wait(reader, writer);
          done += reader.done() && writer.done() ? 1 : 0;
        }
        co_return done;
      }(),
      loops(4));
  CHECK(rounds == 300);
}

TEST_CASE("asio: wait_for limits an operation", "[io][asio]") {
  for (const int n : {1, 4}) {
    const bool timed_out = run(
        []() -> coro<bool> {
          connection c = co_await connect_pair();
          bool expired = false;
          try {
            co_await wait_for(read_once(c.client), 5ms);
          } catch (const timeout_error&) {
            expired = true;
          }
          co_return expired;
        }(),
        loops(n));
    CHECK(timed_out);
  }
}

TEST_CASE("asio: an operation's error is thrown as system_error", "[io][asio]") {
  const boost::system::error_code code = run(
      []() -> coro<boost::system::error_code> {
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
      }(),
      loops(1));
  CHECK(code == asio::error::connection_refused);
}

TEST_CASE("asio: timers of Asio and a post through the loop's executor work", "[io][asio]") {
  const bool ran = run(
      []() -> coro<bool> {
        asio::steady_timer timer(native_context());
        timer.expires_after(1ms);
        co_await timer.async_wait(use_gyre);
        event called;
        asio::post(get_executor(get_running_loop()), [&called] { called.set(); });
        co_return co_await called.wait();
      }(),
      loops(2));
  CHECK(ran);
}

TEST_CASE("asio: a pinned task's operations complete on its own thread", "[io][asio]") {
  const bool stayed = run(
      []() -> coro<bool> {
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
      }(),
      loops(4));
  CHECK(stayed);
}

TEST_CASE("asio: a loop that closes with operations under way leaks and touches nothing", "[io][asio]") {
  for (const int n : {1, 4}) {
    run(
        []() -> coro<> {
          connection c = co_await connect_pair();
          const auto stay = [](connection both) -> coro<> { co_await read_once(both.client); };
          create_task(stay(std::move(c)));
          co_await sleep(1ms);
        }(),
        loops(n));
  }
}

namespace {

// The bytes 0, 1, 2 ... of a pattern that no power of two repeats.
std::vector<char> pattern(std::size_t bytes) {
  std::vector<char> all(bytes);
  for (std::size_t i = 0; i < bytes; ++i) all[i] = static_cast<char>(i % 251);
  return all;
}

coro<std::vector<char>> receive(tcp::socket& socket, std::size_t bytes) {
  std::vector<char> all(bytes);
  co_await asio::async_read(socket, asio::buffer(all), use_gyre);
  co_return all;
}

// `all` in `pieces` buffers, some of them empty.
std::vector<asio::const_buffer> in_pieces(const std::vector<char>& all, std::size_t pieces) {
  std::vector<asio::const_buffer> buffers;
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::size_t begin = all.size() * i / pieces;
    const std::size_t end = all.size() * (i + 1) / pieces;
    buffers.emplace_back(all.data() + begin, end - begin);
    if (pieces > 1 && i == 0) buffers.emplace_back();
  }
  return buffers;
}

}  // namespace

TEST_CASE("asio: a write is part of the step if the socket takes it; in fork-join order others go first",
          "[io][asio]") {
  for (const run_order order : {run_order::asyncio, run_order::fork_join}) {
    const bool others_waited = run(
        []() -> coro<bool> {
          connection c = co_await connect_pair();
          bool other_ran = false;
          task<> other = create_task(
              [](bool& ran) -> coro<> {
                ran = true;
                co_return;
              },
              std::ref(other_ran));
          const std::size_t sent = co_await asio::async_write(c.client, asio::buffer("abc", 3), use_gyre);
          const bool waited = !other_ran && sent == 3;
          co_await other;
          co_return waited;
        }(),
        loops(1).order(order));
    CHECK(others_waited == (order == run_order::asyncio));
  }
}

TEST_CASE("asio: where no other task is ready a write is part of the step in either order", "[io][asio]") {
  for (const run_order order : {run_order::asyncio, run_order::fork_join}) {
    runtime r(loops(1).order(order));
    const std::uint64_t steps = run_coroutine_threadsafe(
                                    [](runtime& here) -> coro<std::uint64_t> {
                                      connection c = co_await connect_pair();
                                      const std::uint64_t before = here.stats().tasks_run;
                                      for (int i = 0; i < 5; ++i)
                                        co_await asio::async_write(c.client, asio::buffer("x", 1), use_gyre);
                                      co_return here.stats().tasks_run - before;
                                    }(r),
                                    r.loop(0))
                                    .result();
    CHECK(steps == 0);
  }
}

coro<bool> writes_before_others() {
  connection c = co_await connect_pair();
  bool other_ran = false;
  task_options here;
  here.pin = true;
  task<> other = create_task(
      here,
      [](bool& ran) -> coro<> {
        ran = true;
        co_return;
      },
      std::ref(other_ran));
  co_await asio::async_write(c.client, asio::buffer("x", 1), use_gyre);
  const bool first = !other_ran;
  co_await other;
  co_return first;
}

TEST_CASE("asio: a task that may be stolen goes on with its step after a write", "[io][asio]") {
  const bool went_on = run(
      []() -> coro<bool> {
        task_options free;
        free.pin = false;
        co_return co_await create_task(free, writes_before_others);
      }(),
      loops(2).order(run_order::fork_join));
  CHECK(went_on);
}

TEST_CASE("asio: a cancel reaches a writer that lets others go first; what it wrote is sent", "[io][asio]") {
  const bool cancelled = run(
      []() -> coro<bool> {
        connection c = co_await connect_pair();
        task<> writer = create_task(
            [](tcp::socket& socket) -> coro<> { co_await asio::async_write(socket, asio::buffer("x", 1), use_gyre); },
            std::ref(c.client));
        task<> canceller = create_task(
            [](task<> t) -> coro<> {
              t.cancel();
              co_return;
            },
            writer);
        co_await wait(writer, canceller);
        co_await read_once(c.server);
        co_return writer.cancelled();
      }(),
      loops(1).order(run_order::fork_join));
  CHECK(cancelled);
}

TEST_CASE("asio: a task that only writes lets others run", "[io][asio]") {
  for (const run_order order : {run_order::asyncio, run_order::fork_join}) {
    const int most = run(
        []() -> coro<int> {
          connection c = co_await connect_pair();
          bool other_ran = false;
          task<> other = create_task(
              [](bool& ran) -> coro<> {
                ran = true;
                co_return;
              },
              std::ref(other_ran));
          int writes = 0;
          for (; writes < 1000 && !other_ran; ++writes) {
            co_await asio::async_write(c.client, asio::buffer("x", 1), use_gyre);
          }
          co_await other;
          co_return writes;
        }(),
        loops(1).order(order));
    CHECK(most < 61);
  }
}

TEST_CASE("asio: a write that the socket takes in parts arrives whole", "[io][asio]") {
  static constexpr std::size_t bytes = 8 << 20;
  for (const std::size_t pieces : {1, 3, 100}) {
    for (const int n : {1, 4}) {
      INFO(pieces << " pieces, " << n << " loops");
      const bool whole = run(
          [](std::size_t cut) -> coro<bool> {
            connection c = co_await connect_pair();
            const std::vector<char> all = pattern(bytes);
            const std::vector<asio::const_buffer> buffers = in_pieces(all, cut);
            task<std::vector<char>> reader = create_task(receive, std::ref(c.server), bytes);
            std::size_t sent = 0;
            if (cut == 1) {
              sent = co_await asio::async_write(c.client, asio::buffer(all), use_gyre);
            } else {
              sent = co_await asio::async_write(c.client, buffers, use_gyre);
            }
            const std::vector<char> got = co_await reader;
            co_return sent == bytes&& got == all;
          }(pieces),
          loops(n));
      CHECK(whole);
    }
  }
}

TEST_CASE("asio: a cancel that waits for the task is delivered by a write, too", "[io][asio]") {
  const int thrown = run(
      []() -> coro<int> {
        connection c = co_await connect_pair();
        task<> writer = create_task(
            [](tcp::socket& socket) -> coro<> {
              current_task().cancel();
              co_await asio::async_write(socket, asio::buffer("x", 1), use_gyre);
            },
            std::ref(c.client));
        co_await wait(writer);
        co_return writer.cancelled() ? 1 : 0;
      }(),
      loops(1));
  CHECK(thrown == 1);
}

TEST_CASE("asio: a write to a connection that is gone throws what Asio says", "[io][asio]") {
  const boost::system::error_code code = run(
      []() -> coro<boost::system::error_code> {
        connection c = co_await connect_pair();
        c.client.close();
        boost::system::error_code failure;
        try {
          co_await asio::async_write(c.client, asio::buffer("x", 1), use_gyre);
        } catch (const boost::system::system_error& e) {
          failure = e.code();
        }
        co_return failure;
      }(),
      loops(1));
  CHECK(code == asio::error::bad_descriptor);
}

TEST_CASE("asio: a loop in asyncio order that is run for one turn at a time sees its I/O", "[io][asio]") {
  auto loop = new_event_loop();
  task<> reader = loop->create_task([]() -> coro<> {
    connection c = co_await connect_pair();
    co_await asio::async_write(c.server, asio::buffer("x", 1), use_gyre);
    co_await read_once(c.client);
  }());
  int turns = 0;
  for (; turns < 100'000 && !reader.done(); ++turns) {
    loop->stop();
    loop->run_forever();
  }
  CHECK(reader.done());
  loop->run_until_complete(reader);
  loop->close();
}

TEST_CASE("C7: a loop that works all the time serves the connections of one that is stuck", "[io][asio]") {
  runtime rt(loops(2));
  std::atomic<bool> reads{false};
  std::atomic<bool> started{false};
  std::atomic<bool> served{false};
  std::atomic<bool> stop{false};
  static_cast<void>(native_context(rt.loop(1)));
  connection c = run_coroutine_threadsafe(connect_pair(), rt.loop(0)).result();
  const auto serve = [](tcp::socket& socket, std::atomic<bool>& begun, std::atomic<bool>& done) -> coro<> {
    begun.store(true);
    co_await read_once(socket);
    done.store(true);
  };
  const auto yield = [](const std::atomic<bool>& end) -> coro<> {
    while (!end.load()) co_await sleep(0ns);
  };
  const auto burn = [](std::atomic<bool>& up, const std::atomic<bool>& end) -> coro<> {
    up.store(true);
    while (!end.load()) {
    }
    co_return;
  };
  auto reader = run_coroutine_threadsafe(serve(c.client, reads, served), rt);
  while (!reads.load()) std::this_thread::yield();
  auto busy = run_coroutine_threadsafe(yield(stop), rt.loop(1));
  auto burner = run_coroutine_threadsafe(burn(started, stop), rt.loop(0));
  while (!started.load()) std::this_thread::yield();
  asio::write(c.server, asio::buffer("x", 1));
  while (!served.load()) std::this_thread::yield();  // for ever, if nobody stood in
  CHECK(rt.stats().takeovers > 0);
  stop.store(true);
  reader.result();
  busy.result();
  burner.result();
}

TEST_CASE("asio: the last turn of a loop in asyncio order sees what has come before the stop", "[io][asio]") {
  auto loop = new_event_loop();
  int seen = 0;
  asio::io_context& context = native_context(*loop);
  for (int i = 0; i < 3; ++i) {
    asio::post(context, [&seen] { ++seen; });
    loop->stop();
    loop->run_forever();
    CHECK(seen == i + 1);
  }
  loop->close();
}
