// SPDX-License-Identifier: BSL-1.0
// Shows: wait_for gives up after a time: it cancels what it waits for and throws timeout_error.
// Prints: Timeout!
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> fetch_data() {
  co_await gyre::sleep(200ms);
  co_return "Data fetched";
}

gyre::coro<> amain() {
  try {
    std::string data = co_await gyre::wait_for(fetch_data(), 100ms);
    std::puts(data.c_str());
  } catch (const gyre::timeout_error&) {
    std::puts("Timeout!");
  } catch (const gyre::cancelled_error&) {
    std::puts("Cancelled!");
  }
}

int main() { gyre::run(amain()); }
