// SPDX-License-Identifier: BSL-1.0
// Shows: a semaphore lets two of five workers in at a time.  Prints: starts and finishes, two at a time.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <vector>

using namespace std::chrono_literals;

gyre::coro<> worker(gyre::semaphore& gate, int id) {
  auto held = co_await gate.scoped();
  std::printf("Worker %d started\n", id);
  co_await gyre::sleep(100ms);
  std::printf("Worker %d finished\n", id);
}

gyre::coro<> amain() {
  gyre::semaphore gate(2);
  gyre::event_loop& loop = gyre::get_running_loop();
  std::vector<gyre::task<>> workers;
  for (int id = 0; id < 5; ++id) {
    workers.push_back(loop.create_task(worker(gate, id)));  // pinned: they reach the gate in this order
  }
  co_await gyre::gather(workers);
}

int main() { gyre::run(amain()); }
