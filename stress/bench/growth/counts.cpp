// SPDX-License-Identifier: BSL-1.0
// gyre-counts: what the loops of a runtime do for each other, counted in simulations of 1 to 64 of them: steals, wake-ups
// and messages for each operation. The same seeds give the same counts on every machine.
//   gyre-counts [--scale K]   one JSON line for each workload and number of loops; K times the usual number of operations
//   gyre-counts --check [X]   exit status 1 if a count is above X times its bound, at one or four times the usual size
#include <gyre/gyre.hpp>
#include <gyre/testing.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

constexpr int seeds = 5;
constexpr int loop_counts[] = {1, 2, 4, 8, 16, 32, 64};

gyre::coro<long> tree_of_gathers(long leaves) {
  if (leaves == 1) co_return 1;
  const auto [left, right] = co_await gyre::gather(tree_of_gathers(leaves / 2), tree_of_gathers(leaves - leaves / 2));
  co_return left + right + 1;
}

gyre::coro<long> fork_join(long scale) { return tree_of_gathers(2048 * scale); }

gyre::coro<long> yield_once() {
  co_await gyre::sleep(std::chrono::seconds(0));
  co_return 1;
}

gyre::coro<long> spawn_storm(long scale) {
  std::vector<gyre::task<long>> started;
  for (long i = 0; i < 4096 * scale; ++i) started.push_back(gyre::create_task(yield_once()));
  long count = 0;
  for (const gyre::task<long>& each : started) count += co_await each;
  co_return count;
}

gyre::coro<long> tree_of_tasks(long leaves) {
  if (leaves == 1) co_return 1;
  const gyre::task<long> left = gyre::create_task(tree_of_tasks(leaves / 2));
  const gyre::task<long> right = gyre::create_task(tree_of_tasks(leaves - leaves / 2));
  const long count = co_await left;
  co_return count + co_await right + 1;
}

gyre::coro<long> spawn_tree(long scale) { return tree_of_tasks(2048 * scale); }

using channel = gyre::queue<long>;

gyre::coro<long> pong(channel& in, channel& out, long times) {
  for (long i = 0; i < times; ++i) co_await out.put(co_await in.get());
  co_return 0;
}

gyre::coro<long> ping(channel& out, channel& in, long times) {
  for (long i = 0; i < times; ++i) {
    co_await out.put(i);
    co_await in.get();
  }
  co_return times;
}

gyre::coro<long> one_pair(long times) {
  channel there(1);
  channel back(1);
  const gyre::task<long> other = gyre::create_task(pong(there, back, times));
  const gyre::task<long> first = gyre::create_task(ping(there, back, times));
  const long count = co_await first;
  co_return count + co_await other;
}

gyre::coro<long> ping_pong(long scale) {  // eight pairs, a round trip each time
  std::vector<gyre::task<long>> pairs;
  for (int i = 0; i < 8; ++i) pairs.push_back(gyre::create_task(one_pair(256 * scale)));
  long count = 0;
  for (const gyre::task<long>& each : pairs) count += co_await each;
  co_return count;
}

/// Per operation.
struct counts {
  double steals = 0;
  double wakeups = 0;
  double messages = 0;
  double parks = 0;
};

struct workload {
  const char* name;
  gyre::coro<long> (*body)(long scale);  ///< returns how many operations it made
  counts most;                           ///< at any number of loops
};

constexpr workload workloads[] = {
    // What goes to another loop is taken there: a task of the storm has two steps, each of which may be stolen, and a round
    // trip of two messages wakes two tasks. That idle loops share less is what the other bounds say.
    {"fork_join", fork_join, {0.1, 0.01, 0.02, 0.02}},
    {"spawn_storm", spawn_storm, {2, 0.01, 0.1, 0.02}},
    {"spawn_tree", spawn_tree, {1, 0.01, 0.5, 0.02}},
    {"ping_pong", ping_pong, {2, 0.01, 2, 0.02}},
};

gyre::coro<counts> count(const workload& work, long scale) {
  const auto operations = static_cast<double>(co_await work.body(scale));
  const gyre::runtime_stats stats = gyre::current_runtime().stats();
  counts each;
  each.steals = static_cast<double>(stats.steals) / operations;
  each.wakeups = static_cast<double>(stats.doorbells) / operations;
  each.messages = static_cast<double>(stats.messages) / operations;
  each.parks = static_cast<double>(stats.parks) / operations;
  co_return each;
}

/// The mean over the seeds.
counts measure(const workload& work, int loops, long scale) {
  counts sum;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto options = gyre::testing::sim_options().loops(loops).order(gyre::run_order::fork_join).extremes(false);
    const counts one = gyre::testing::simulate(seed, options, count(work, scale));
    sum.steals += one.steals / seeds;
    sum.wakeups += one.wakeups / seeds;
    sum.messages += one.messages / seeds;
    sum.parks += one.parks / seeds;
  }
  return sum;
}

int print(long scale) {
  for (const workload& work : workloads) {
    for (const int loops : loop_counts) {
      const counts each = measure(work, loops, scale);
      std::printf(
          "{\"workload\":\"%s\",\"loops\":%d,\"scale\":%ld,\"steals\":%.5f,\"wakeups\":%.5f,\"messages\":%.5f,"
          "\"parks\":%.5f}\n",
          work.name, loops, scale, each.steals, each.wakeups, each.messages, each.parks);
    }
  }
  return 0;
}

int check(double tolerance) {
  int above = 0;
  const auto compare = [&](const workload& work, int loops, long scale, const char* what, double found, double most) {
    if (found <= most * tolerance) return;
    ++above;
    std::printf("%s on %d loops, size %ld: %.5f %s an operation, more than %.5f\n", work.name, loops, scale, found,
                what, most * tolerance);
  };
  for (const workload& work : workloads) {
    for (const int loops : loop_counts) {
      for (const long scale : {1L, 4L}) {
        const counts each = measure(work, loops, scale);
        compare(work, loops, scale, "steals", each.steals, work.most.steals);
        compare(work, loops, scale, "wake-ups", each.wakeups, work.most.wakeups);
        compare(work, loops, scale, "messages", each.messages, work.most.messages);
        compare(work, loops, scale, "parks", each.parks, work.most.parks);
      }
    }
  }
  std::printf("%d counts above their bounds\n", above);
  return above > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--check") return check(1);
  if (argc == 3 && std::string_view(argv[1]) == "--check") return check(std::atof(argv[2]));
  if (argc == 3 && std::string_view(argv[1]) == "--scale" && std::atol(argv[2]) > 0) return print(std::atol(argv[2]));
  if (argc == 1) return print(1);
  std::fputs("usage: gyre-counts [--scale K | --check [X]]\n", stderr);
  return 2;
}
