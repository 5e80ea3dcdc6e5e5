// SPDX-License-Identifier: BSL-1.0
// gyre::testing::network on many loops: streams of each, pinned tasks, cancels that come from elsewhere.
#include "network_test.hpp"

using namespace gyre;
using namespace gyre_test;

namespace {

const network_address server_address("server", 80);

task_options pinned_to(int loop) {
  task_options there;
  there.pin = true;
  there.loop = &current_runtime().loop(loop % loop_count());
  return there;
}

// Pinned: the stream's handlers and the task are on one loop.
coro<int> ask(network& net, int number) {
  const event_loop* home = &get_running_loop();
  stream s(net, "client" + std::to_string(number));
  co_await s.async_connect(server_address, use_gyre);
  const std::string sent = pattern(300, static_cast<unsigned>(number));
  std::string got(sent.size(), '\0');
  int stayed = 0;
  for (int i = 0; i < 3; ++i) {
    co_await asio::async_write(s, asio::buffer(sent), use_gyre);
    co_await asio::async_read(s, asio::buffer(got), use_gyre);
    stayed += got == sent && &get_running_loop() == home ? 1 : 0;
  }
  co_return stayed;
}

// Begun reads and ended ones: a task that is cancelled before it starts reads nothing.
struct read_count {
  int begun = 0;
  int ended = 0;
};

coro<> wait_for_a_byte(stream& s, read_count& count) {
  std::array<char, 1> byte{};
  ++count.begun;
  try {
    co_await asio::async_read(s, asio::buffer(byte), use_gyre);
  } catch (...) {
    ++count.ended;
    throw;
  }
  ++count.ended;
}

coro<> pinned_sessions() {
  network net;
  network::acceptor acceptor(net, server_address);
  std::vector<task<int>> clients;
  std::vector<task<>> sessions;
  const int n = 2 * loop_count();
  for (int i = 0; i < n; ++i) clients.push_back(create_task(pinned_to(i + 1), ask, std::ref(net), i));
  for (int i = 0; i < n; ++i) {
    const task_options there = pinned_to(i);
    stream s = co_await acceptor.async_accept(native_context(*there.loop), use_gyre);
    sessions.push_back(create_task(there, echo_all<stream>, std::move(s)));
  }
  for (const task<int>& each : clients) CHECK_AWAITED(each, == 3);
  for (const task<>& each : sessions) co_await each;
}

coro<> race_cancels() {
  network net(network_options().delay(1ms, 4ms));
  constexpr int n = 6;
  std::vector<pair_of_streams> pairs;
  std::vector<task<>> readers;
  std::vector<read_count> counts(n);
  for (int i = 0; i < n; ++i) pairs.push_back(co_await connect_pair(net));
  for (int i = 0; i < n; ++i) {
    auto& s = pairs[static_cast<std::size_t>(i)].client;
    auto& count = counts[static_cast<std::size_t>(i)];
    if (i % 2 == 0) {
      readers.push_back(create_task(wait_for_a_byte(s, count)));
    } else {
      readers.push_back(create_task(pinned_to(i), wait_for_a_byte, std::ref(s), std::ref(count)));
    }
  }
  for (pair_of_streams& each : pairs) co_await asio::async_write(each.server, asio::buffer("x", 1), use_gyre);
  co_await sleep(2ms);
  for (const task<>& each : readers) each.cancel();
  co_await wait(readers);
  co_await sleep(1h);
  for (const read_count& each : counts) {
    CHECK(each.begun == each.ended);
    CHECK(each.begun <= 1);
  }
}

coro<> stolen_clients() {
  network net(network_options().delay(0ns, 100us));
  network::acceptor acceptor(net, server_address);
  task<> server = create_task(serve<network::acceptor>, std::ref(acceptor), 16);
  std::vector<task<int>> clients;
  for (int i = 0; i < 16; ++i) {
    clients.push_back(create_task(
        [](network& over, int number) -> coro<int> {
          stream s(over, "client");
          co_await s.async_connect(server_address, use_gyre);
          int good = 0;
          for (unsigned round = 0; round < 5; ++round) {
            const std::string sent = pattern(50, round + static_cast<unsigned>(number));
            std::string got(sent.size(), '\0');
            co_await asio::async_write(s, asio::buffer(sent), use_gyre);
            co_await sleep(0ns);
            co_await asio::async_read(s, asio::buffer(got), use_gyre);
            good += got == sent ? 1 : 0;
          }
          co_return good;
        },
        std::ref(net), i));
  }
  for (const task<int>& each : clients) CHECK_AWAITED(each, == 5);
  co_await server;
}

}  // namespace

TEST_CASE("network: pinned sessions with streams of their own loops stay there", "[testing][network]") {
  simulate_all(30, &pinned_sessions);
  testing::explore(100, [] { return pinned_sessions(); });
}

TEST_CASE("network: a cancel that races with data from another loop ends each read once", "[testing][network]") {
  simulate_all(100, &race_cancels);
  testing::explore(100, [] { return race_cancels(); });
}

TEST_CASE("network: tasks that are stolen go on with streams of another loop", "[testing][network]") {
  simulate_all(30, &stolen_clients);
  testing::explore(100, [] { return stolen_clients(); });
}
