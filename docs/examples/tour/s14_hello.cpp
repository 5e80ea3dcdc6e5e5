// SPDX-License-Identifier: BSL-1.0
// Shows: the smallest program: run one coro.  Prints: Hello ..., and a while later ... World!
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

gyre::coro<> amain() {
  std::puts("Hello ...");
  co_await gyre::sleep(200ms);
  std::puts("... World!");
}

int main() { gyre::run(amain()); }
