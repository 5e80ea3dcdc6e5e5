// SPDX-License-Identifier: BSL-1.0
// Shows: with return_exceptions a failure is one of the results.  Prints: True, b alone, the two results.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> a() {
  std::puts("Suspending a");
  co_await gyre::sleep(300ms);
  std::puts("Resuming a");
  co_return "A";
}

gyre::coro<std::string> b() {
  std::puts("Suspending b");
  co_await gyre::sleep(100ms);
  std::puts("Resuming b");
  co_return "B";
}

gyre::coro<> amain() {
  gyre::event_loop& loop = gyre::get_running_loop();
  auto task1 = loop.create_task(a());  // pinned: no other loop can start it before the cancel
  auto task2 = loop.create_task(b());
  std::puts(task1.cancel() ? "True" : "False");
  auto [first, second] = co_await gyre::gather(gyre::return_exceptions, task1, task2);
  std::cout << '[' << first << ", " << second << ']' << std::endl;
}

int main() { gyre::run(amain()); }
