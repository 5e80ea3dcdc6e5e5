// SPDX-License-Identifier: BSL-1.0
// Shows: to_thread runs a function that blocks, on a thread beside the loops.
// Prints: Main started, the two lines of the function, Main finished.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;

void blocking_io() {
  std::puts("Blocking IO started");
  std::this_thread::sleep_for(200ms);
  std::puts("Blocking IO finished");
}

gyre::coro<> amain() {
  std::puts("Main started");
  co_await gyre::to_thread(blocking_io);
  std::puts("Main finished");
}

int main() { gyre::run(amain()); }
