// SPDX-License-Identifier: BSL-1.0
// Shows: wait gives the tasks themselves; their values come from result().
// Prints: two suspends, two resumes, the done tasks, the empty set of pending ones, one value.
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
  auto [done, pending] = co_await gyre::wait(task_a, task_b);
  for (auto& task : done) std::cout << task << std::endl;
  std::cout << pending << std::endl;
  std::printf("'%s'\n", task_b.result().c_str());
}

int main() { gyre::run(amain()); }
