// SPDX-License-Identifier: BSL-1.0
// Shows: two named tasks wait at the same time.
// Prints: two lines at the start, two lines when both are through.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> fetch_data() {
  co_await gyre::sleep(200ms);
  co_return "Data fetched";
}

gyre::coro<> task1() {
  std::puts("Task 1 started");
  std::string data = co_await fetch_data();
  std::printf("Task 1 finished %s\n", data.c_str());
}

gyre::coro<> task2() {
  std::puts("Task 2 started");
  std::string data = co_await fetch_data();
  std::printf("Task 2 finished %s\n", data.c_str());
}

gyre::coro<> amain() {
  auto first = gyre::create_task(task1(), {.name = "1"});
  auto second = gyre::create_task(task2(), {.name = "2"});
  co_await first;
  co_await second;
}

int main() { gyre::run(amain()); }
