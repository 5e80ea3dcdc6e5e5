// SPDX-License-Identifier: BSL-1.0
// Shows: tasks that still wait when main returns are cancelled; the slow one is just in time.
// Prints: 1s, then 2s.
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
  co_await gyre::sleep(200ms);
}

int main() {
  // One loop takes all timers of an instant in one turn, so the slow task gets its step beside main's last one.
  // With more loops main may be through before that.
  gyre::run(amain(), gyre::run_options().loops(1));
}
