// SPDX-License-Identifier: BSL-1.0
// Shows: a task runs from its creation on, not from its co_await.  Prints: 1s, 2s, --.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

gyre::coro<> say_after(std::chrono::milliseconds delay, const char* what) {
  co_await gyre::sleep(delay);
  std::puts(what);
}

gyre::coro<> amain() {
  auto slow = gyre::create_task(say_after(200ms, "2s"));
  auto fast = gyre::create_task(say_after(100ms, "1s"));
  co_await slow;
  std::puts("--");
  co_await fast;  // ended a while ago
}

int main() { gyre::run(amain()); }
