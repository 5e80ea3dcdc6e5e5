// SPDX-License-Identifier: BSL-1.0
// Shows: co_await gives what the coro returned.  Prints: Data fetched
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> fetch_data() {
  co_await gyre::sleep(200ms);
  co_return "Data fetched";
}

gyre::coro<> amain() {
  std::string data = co_await fetch_data();
  std::puts(data.c_str());
}

int main() { gyre::run(amain()); }
