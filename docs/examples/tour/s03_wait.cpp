// SPDX-License-Identifier: BSL-1.0
// Shows: wait returns when every task given to it has ended.  Prints: 1s, then 2s.
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
  co_await gyre::wait(slow, fast);
}

int main() { gyre::run(amain()); }
