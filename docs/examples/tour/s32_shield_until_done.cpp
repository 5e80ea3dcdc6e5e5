// SPDX-License-Identifier: BSL-1.0
// Shows: a shielded a outlives the cancel and ends, as main stays long enough.
// Prints: True, both suspends, b resumes, the two results, a resumes.
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
  auto both = gyre::gather(gyre::return_exceptions, task1, task2);
  both.start();  // a stored gather starts when it is awaited, used, or told to
  std::puts(task1.cancel() ? "True" : "False");
  auto [first, second] = co_await both;
  std::cout << '[' << first << ", " << second << ']' << std::endl;
  co_await gyre::sleep(300ms);
}

int main() { gyre::run(amain()); }
