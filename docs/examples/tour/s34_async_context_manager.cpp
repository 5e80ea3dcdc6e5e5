// SPDX-License-Identifier: BSL-1.0
// Shows: an asynchronous generator as a scope: it may await before and after the body.
// Prints: the result, then the seconds it cost.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <tuple>

using namespace std::chrono_literals;

using letters = std::tuple<std::string, std::string>;

gyre::coro<std::string> a() {
  co_await gyre::sleep(300ms);
  co_return "A";
}

gyre::coro<std::string> b() {
  co_await gyre::sleep(100ms);
  co_return "B";
}

gyre::coro<letters> both() { co_return co_await gyre::gather(a(), b()); }

gyre::async_generator<letters> async_timed(gyre::coro<letters> (*work)()) {
  const auto start = std::chrono::steady_clock::now();
  letters result = co_await work();
  co_yield result;
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  std::printf("Cost: %.5f\n", spent.count());
}

gyre::coro<> show(letters& result) {
  std::printf("Result: ['%s', '%s']\n", std::get<0>(result).c_str(), std::get<1>(result).c_str());
  co_return;
}

gyre::coro<> amain() {
  auto scope = gyre::async_context_manager(async_timed)(both);
  co_await gyre::with(scope, show);
}

int main() { gyre::run(amain()); }
