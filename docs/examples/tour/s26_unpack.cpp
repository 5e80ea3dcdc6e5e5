// SPDX-License-Identifier: BSL-1.0
// Shows: the tuple of a gather unpacks into names.  Prints: two suspends, two resumes, the two values.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> a() {
  std::puts("Suspending a");
  co_await gyre::sleep(300ms);
  std::puts("Resuming a");
  co_return "A";
}

gyre::coro<std::string> b() {
  std::puts("Suspending b");
  co_await gyre::sleep(100ms);
  std::puts("Resuming b");
  co_return "B";
}

gyre::coro<> amain() {
  auto [value_a, value_b] = co_await gyre::gather(a(), b());
  std::printf("('%s', '%s')\n", value_a.c_str(), value_b.c_str());
}

int main() { gyre::run(amain()); }
