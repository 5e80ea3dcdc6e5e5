// SPDX-License-Identifier: BSL-1.0
// Shows: both tasks run while main awaits the first; results come in the order of the awaits.
// Prints: the start on the loop's clock, world, hello, the two results, the end.
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
  auto task1 = gyre::create_task(say_after(2, "hello"));
  auto task2 = gyre::create_task(say_after(1, "world"));
  std::printf("started at %.5f\n", gyre::get_running_loop().time());

  std::string result1 = co_await task1;
  std::puts(result1.c_str());
  std::string result2 = co_await task2;
  std::puts(result2.c_str());
  std::printf("finished at %.5f\n", gyre::get_running_loop().time());
}

int main() { gyre::run(amain()); }
