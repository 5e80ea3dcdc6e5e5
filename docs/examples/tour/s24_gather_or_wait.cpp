// SPDX-License-Identifier: BSL-1.0
// Shows: gather gives values in the order of its arguments; wait gives two sets of tasks.
// Prints: the gathered values, then how many are done and pending, then the done results.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> say_after(int tenths, std::string what) {
  co_await gyre::sleep(100ms * tenths);
  std::puts(what.c_str());
  co_return what + "-" + std::to_string(tenths);
}

gyre::coro<> amain() {
  auto [first, second] = co_await gyre::gather(say_after(2, "hello"), say_after(1, "world"));
  std::printf("['%s', '%s']\n", first.c_str(), second.c_str());

  auto hello = gyre::create_task(say_after(2, "hello"));
  auto world = gyre::create_task(say_after(1, "world"));
  auto [done, pending] = co_await gyre::wait(hello, world);
  std::printf("done: %zu, pending: %zu\n", done.size(), pending.size());
  for (auto& task : done) std::puts(task.result().c_str());
}

int main() { gyre::run(amain()); }
