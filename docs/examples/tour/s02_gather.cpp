// SPDX-License-Identifier: BSL-1.0
// Shows: gather runs its arguments side by side and waits for all of them.  Prints: 1s, then 2s.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

gyre::coro<> say_after(std::chrono::milliseconds delay, const char* what) {
  co_await gyre::sleep(delay);
  std::puts(what);
}

gyre::coro<> amain() { co_await gyre::gather(say_after(200ms, "2s"), say_after(100ms, "1s")); }

int main() { gyre::run(amain()); }
