// SPDX-License-Identifier: BSL-1.0
// Shows: wait may return as soon as one task has ended.
// Prints: two suspends, one resume, the done task, the pending task.
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
  auto task_a = gyre::create_task(a(), {.name = "a"});
  auto task_b = gyre::create_task(b(), {.name = "b"});
  gyre::wait_options first{.return_when = gyre::first_completed};
  auto [done, pending] = co_await gyre::wait(task_a, task_b, first);
  for (auto& task : done) std::cout << task << std::endl;
  for (auto& task : pending) std::cout << task << std::endl;
}

int main() { gyre::run(amain()); }
