// SPDX-License-Identifier: BSL-1.0
// Shows: a generator as a scope: what it yields is the value inside, the rest of it runs on the way out.
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

gyre::generator<letters> timed(gyre::coro<letters> (*work)()) {
  const auto start = std::chrono::steady_clock::now();
  co_yield gyre::run(work());
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  std::printf("Cost: %.5f\n", spent.count());
}

int main() {
  auto scope = gyre::context_manager(timed)(both);
  gyre::with_sync(scope, [](letters& result) {
    std::printf("Result: ['%s', '%s']\n", std::get<0>(result).c_str(), std::get<1>(result).c_str());
  });
}
