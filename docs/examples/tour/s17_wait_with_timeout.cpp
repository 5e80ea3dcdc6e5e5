// SPDX-License-Identifier: BSL-1.0
// Shows: wait with a timeout sorts tasks into done and pending; it throws nothing and cancels nothing.
// Prints: three starts, one end, the fate of each done task, then of the pending one.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> work(std::string name, std::chrono::milliseconds delay) {
  std::printf("Task %s started\n", name.c_str());
  co_await gyre::sleep(delay);
  if (name == "C") throw std::runtime_error("Task " + name + " failed");
  std::printf("Task %s completed\n", name.c_str());
  co_return "Data fetched";
}

gyre::coro<> amain() {
  auto a = gyre::create_task(work("A", 200ms), {.name = "A"});
  auto b = gyre::create_task(work("B", 500ms), {.name = "B"});
  auto c = gyre::create_task(work("C", 100ms), {.name = "C"});

  gyre::wait_options at_most{.timeout = 300ms};
  auto [done, pending] = co_await gyre::wait(a, b, c, at_most);

  for (auto& task : done) {
    std::string name(task.get_name());
    try {
      std::printf("Task %s done,result is %s\n", name.c_str(), task.result().c_str());
    } catch (const std::exception& error) {
      std::printf("Task %s raised an exception: %s\n", name.c_str(), error.what());
    }
  }
  for (auto task : pending) {
    std::string name(task.get_name());
    std::printf("Task %s is still pending\n", name.c_str());
    task.cancel();
    std::printf("Task %s has been cancelled\n", name.c_str());
  }
}

int main() { gyre::run(amain()); }
