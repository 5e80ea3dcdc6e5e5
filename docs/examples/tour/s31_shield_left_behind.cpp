// SPDX-License-Identifier: BSL-1.0
// Shows: shield keeps the cancel from a, but main ends before a does, and that cancels a after all.
// Prints: True, both suspends, b resumes, the two results.
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
  auto task1 = gyre::shield(a());
  auto task2 = gyre::create_task(b());
  std::puts(task1.cancel() ? "True" : "False");
  auto [first, second] = co_await gyre::gather(gyre::return_exceptions, task1, task2);
  std::cout << '[' << first << ", " << second << ']' << std::endl;
}

int main() { gyre::run(amain()); }
