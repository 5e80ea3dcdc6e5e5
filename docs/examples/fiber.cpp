// SPDX-License-Identifier: BSL-1.0
// Shows: std::sort with a comparator that waits for an answer.  Prints: the words in order, and that another task ran.
#include <gyre/gyre.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// Stands for a service that knows the order.
gyre::coro<bool> comes_before(std::string a, std::string b) {
  co_await gyre::sleep(10ms);
  co_return a < b;
}

// Plain functions: std::sort knows nothing of coroutines, and need not.
bool ask(const std::string& a, const std::string& b) { return gyre::await(comes_before(a, b)); }

std::vector<std::string> sorted(std::vector<std::string> words) {
  std::sort(words.begin(), words.end(), ask);
  return words;
}

gyre::coro<> tick(int& ticks) {
  for (;;) {
    co_await gyre::sleep(3ms);
    ++ticks;
  }
}

gyre::coro<> amain() {
  int ticks = 0;
  const gyre::task<> clock = gyre::create_task(tick(ticks));
  const std::vector<std::string> given{"pear", "fig", "apple", "quince", "lemon"};
  const std::vector<std::string> words = co_await gyre::fiber(sorted, given);
  for (const std::string& word : words) std::printf("%s\n", word.c_str());
  std::puts(ticks > 5 ? "the clock went on" : "the thread was blocked");
  clock.cancel();
}

int main() { gyre::run(amain()); }
