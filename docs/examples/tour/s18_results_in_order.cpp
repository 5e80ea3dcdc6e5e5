// SPDX-License-Identifier: BSL-1.0
// Shows: gather gives results in the order of its arguments, whoever was first.
// Prints: three waits, then the three results.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <random>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> fetch_data(unsigned name) {
  std::mt19937 random(72 + name);  // seeded by the name: every run prints the same, on any loop
  const auto tenths = static_cast<unsigned>(1 + random() % 10);
  std::printf("%u wait sec %u\n", name, tenths);
  co_await gyre::sleep(100ms * tenths);
  co_return "fetched " + std::to_string(name);
}

gyre::coro<> amain() {
  auto [one, two, three] = co_await gyre::gather(fetch_data(1), fetch_data(2), fetch_data(3));
  std::printf("['%s', '%s', '%s']\n", one.c_str(), two.c_str(), three.c_str());
}

int main() { gyre::run(amain()); }
