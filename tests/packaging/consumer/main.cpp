// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstdio>
#include <gyre/gyre.hpp>

gyre::coro<int> after(int milliseconds) {
  co_await gyre::sleep(std::chrono::milliseconds(milliseconds));
  co_return milliseconds;
}

int after_in_fiber(int milliseconds) { return gyre::await(after(milliseconds)); }  // needs Boost.Context

gyre::coro<> amain() {
  gyre::task<int> three = gyre::create_task(after(3));
  gyre::task<int> four = gyre::create_task(gyre::fiber(after_in_fiber, 4));
  int sum = co_await three;
  sum += co_await four;
  std::printf("three and four make %d\n", sum);
}

int main() { gyre::run(amain()); }
