// SPDX-License-Identifier: BSL-1.0
// gyre-paths PATH N: takes one hot path N times on one loop, for an instrument that counts instructions (check.py).
// What a path costs is the difference of two N, so that start and end of the runtime do not count.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;

gyre::coro<long> answer(long i) { co_return i; }

gyre::coro<long> await_coro(long n) {
  long sum = 0;
  for (long i = 0; i < n; ++i) sum += co_await answer(1);
  co_return sum;
}

gyre::coro<long> gather_child(long n) {  // an operation is one child
  long sum = 0;
  for (long i = 0; i < n; i += 2) {
    const auto [a, b] = co_await gyre::gather(answer(1), answer(1));
    sum += a + b;
  }
  co_return sum;
}

gyre::coro<long> gather_vector_child(long n) {
  long sum = 0;
  for (long i = 0; i < n; i += 10) {
    std::vector<gyre::coro<long>> bodies;
    bodies.reserve(10);
    for (long child = 0; child < 10; ++child) bodies.push_back(answer(1));
    for (const long value : co_await gyre::gather(std::move(bodies))) sum += value;
  }
  co_return sum;
}

gyre::coro<long> create_task(long n) {  // created and awaited, a hundred at a time
  long sum = 0;
  for (long i = 0; i < n; i += 100) {
    std::vector<gyre::task<long>> started;
    started.reserve(100);
    for (long child = 0; child < 100; ++child) started.push_back(gyre::create_task(answer(1)));
    for (auto& each : started) sum += co_await each;
  }
  co_return sum;
}

gyre::coro<long> yields(long n) {
  for (long i = 0; i < n; ++i) co_await gyre::sleep(0ns);
  co_return n;
}

gyre::coro<long> yield(long n) {
  auto other = gyre::create_task(yields(n / 2));
  const long mine = co_await yields(n - n / 2);
  co_return mine + co_await other;
}

gyre::coro<long> feed(gyre::queue<long>& items, long n) {
  for (long i = 0; i < n; ++i) co_await items.put(1);
  co_return n;
}

gyre::coro<long> pass_through(long n, long room) {  // one put and one get
  gyre::queue<long> items(static_cast<std::size_t>(room));
  auto feeder = gyre::create_task(feed(items, n));
  long sum = 0;
  for (long i = 0; i < n; ++i) sum += co_await items.get();
  co_await feeder;
  co_return sum;
}

gyre::coro<long> queue_put_get(long n) { return pass_through(n, 1000); }
gyre::coro<long> queue_of_one(long n) { return pass_through(n, 1); }

gyre::coro<long> lock(long n) {
  gyre::lock mutex;
  long count = 0;
  for (long i = 0; i < n; ++i) {
    const auto held = co_await mutex.scoped();
    ++count;
  }
  co_return count;
}

gyre::coro<long> take_turns(gyre::lock& mutex, long n) {
  for (long i = 0; i < n; ++i) {
    const auto held = co_await mutex.scoped();
    co_await gyre::sleep(0ns);
  }
  co_return n;
}

gyre::coro<long> lock_contended(long n) {
  gyre::lock mutex;
  auto other = gyre::create_task(take_turns(mutex, n / 2));
  const long mine = co_await take_turns(mutex, n - n / 2);
  co_return mine + co_await other;
}

gyre::coro<long> in_next_turn() {
  co_await gyre::sleep(0ns);
  co_return 1;
}

gyre::coro<long> wait_for(long n) {
  long sum = 0;
  for (long i = 0; i < n; ++i) sum += co_await gyre::wait_for(in_next_turn(), 10s);
  co_return sum;
}

struct path {
  std::string_view name;
  gyre::coro<long> (*take)(long);
};

constexpr path paths[] = {
    {"await_coro", await_coro},
    {"gather_child", gather_child},
    {"gather_vector_child", gather_vector_child},
    {"create_task", create_task},
    {"yield", yield},
    {"queue_put_get", queue_put_get},
    {"queue_of_one", queue_of_one},
    {"lock", lock},
    {"lock_contended", lock_contended},
    {"wait_for", wait_for},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--list") {
    for (const path& each : paths) std::printf("%s\n", each.name.data());
    return 0;
  }
  const long n = argc == 3 ? std::atol(argv[2]) : 0;
  for (const path& each : paths) {
    if (n <= 0 || each.name != argv[1]) continue;
    const long taken = gyre::run(each.take(n), gyre::run_options().loops(1).order(gyre::run_order::fork_join));
    if (taken == n) return 0;
    std::fprintf(stderr, "gyre-paths: %s: %ld of %ld operations\n", argv[1], taken, n);
    return 1;
  }
  std::fprintf(stderr, "usage: gyre-paths --list | gyre-paths PATH N, with N a multiple of 100\n");
  return 2;
}
