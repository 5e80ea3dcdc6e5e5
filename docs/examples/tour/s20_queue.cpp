// SPDX-License-Identifier: BSL-1.0
// Shows: a producer and a slower consumer share a queue; join waits until every item was dealt with.
// Prints: each item as it is produced and as it is consumed.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

gyre::coro<> producer(gyre::queue<int>& items) {
  for (int i = 0; i < 5; ++i) {
    co_await items.put(i);
    std::printf("produced: %d\n", i);
    co_await gyre::sleep(100ms);
  }
}

gyre::coro<> consumer(gyre::queue<int>& items) {
  for (;;) {
    int item = co_await items.get();
    std::printf("consumed: %d\n", item);
    co_await gyre::sleep(200ms);
    items.task_done();
  }
}

gyre::coro<> amain() {
  gyre::queue<int> items;
  auto produce = gyre::create_task(producer(items));
  auto consume = gyre::create_task(consumer(items));

  co_await produce;
  co_await items.join();
  consume.cancel();
  co_await gyre::wait(consume);  // items must outlive the consumer
}

int main() { gyre::run(amain()); }
