// SPDX-License-Identifier: BSL-1.0
// Shows: a lost update that no run on this machine shows, found by a seed and replayed.  Prints: what was lost, twice.
#include <gyre/gyre.hpp>
#include <gyre/testing.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

struct account {
  int balance = 100;
  gyre::semaphore clerks{4};
};

// The bug: the balance is read before an await and written after it.
gyre::coro<> withdraw(account& from, int amount) {
  const int before = from.balance;
  co_await from.clerks.acquire();  // a clerk is free: this does not even suspend
  from.balance = before - amount;
  from.clerks.release();
}

gyre::coro<> two_customers() {
  account shared;
  co_await gyre::gather(withdraw(shared, 10), withdraw(shared, 20));
  gyre::testing::expect(shared.balance == 70, "the balance is " + std::to_string(shared.balance));
}

std::string explore() {
  try {
    gyre::testing::explore(1000, two_customers);
  } catch (const gyre::testing::exploration_failed& failure) {
    const std::string text = failure.what();
    std::puts(text.substr(text.find("the balance"), text.find('\n') - text.find("the balance")).c_str());
    return failure.replay();  // what a test prints as GYRE_SEED=...
  }
  return "";
}

int main() {
  const std::string seed = explore();
  ::setenv("GYRE_SEED", seed.c_str(), 1);
  std::printf("seed %s again: ", seed.c_str());
  explore();
}
