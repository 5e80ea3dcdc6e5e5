// SPDX-License-Identifier: BSL-1.0
// Shows: awaiting a coro runs it to its end before the next line.  Prints: 2s, and 1s after it.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

gyre::coro<> say_after(std::chrono::milliseconds delay, const char* what) {
  co_await gyre::sleep(delay);
  std::puts(what);
}

gyre::coro<> amain() {
  co_await say_after(200ms, "2s");
  co_await say_after(100ms, "1s");
}

int main() { gyre::run(amain()); }
