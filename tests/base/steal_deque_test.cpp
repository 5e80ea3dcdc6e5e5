// SPDX-License-Identifier: BSL-1.0
#include <catch2/catch.hpp>
#include <gyre/base/steal_deque.hpp>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace {

using deque = gyre::detail::steal_deque<int>;

TEST_CASE("steal_deque: pop gives the newest, steal the oldest", "[base][steal_deque]") {
  std::vector<int> x{0, 1, 2, 3};
  deque d;
  for (int& each : x) d.push(&each);

  CHECK(d.size() == 4);
  CHECK(d.pop() == &x[3]);
  CHECK(d.steal() == &x[0]);
  CHECK(d.pop() == &x[2]);
  CHECK(d.steal() == &x[1]);
  CHECK(d.empty());
}

TEST_CASE("steal_deque: half of it, rounded down, but at least one and at most so many, oldest first",
          "[base][steal_deque]") {
  std::vector<int> x(9);
  deque d;
  std::array<int*, 3> some{};
  CHECK(d.take_half(some) == 0);

  for (int& each : x) d.push(&each);
  REQUIRE(d.take_half(some) == 3);
  CHECK(some == std::array<int*, 3>{&x[0], &x[1], &x[2]});
  REQUIRE(d.take_half(some) == 3);
  CHECK(some == std::array<int*, 3>{&x[3], &x[4], &x[5]});
  REQUIRE(d.take_half(some) == 1);
  CHECK(some[0] == &x[6]);
  REQUIRE(d.take_half(some) == 1);
  CHECK(some[0] == &x[7]);
  REQUIRE(d.take_half(some) == 1);
  CHECK(some[0] == &x[8]);
  CHECK(d.empty());
}

TEST_CASE("steal_deque: an empty one gives null at both ends and goes on working", "[base][steal_deque]") {
  int x = 0;
  deque d;
  CHECK(d.pop() == nullptr);
  CHECK(d.steal() == nullptr);

  d.push(&x);
  CHECK(d.pop() == &x);
  CHECK(d.pop() == nullptr);
  d.push(&x);
  CHECK(d.steal() == &x);
  CHECK(d.empty());
}

TEST_CASE("steal_deque: it keeps the order while it grows and wraps around", "[base][steal_deque]") {
  std::vector<int> x(1000);
  deque d(2);
  std::size_t taken = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    d.push(&x[i]);
    if (i % 3 == 0) {
      REQUIRE(d.take() == &x[taken]);
      ++taken;
    }
  }
  while (int* oldest = d.take()) {
    REQUIRE(oldest == &x[taken]);
    ++taken;
  }
  CHECK(taken == x.size());
}

TEST_CASE("steal_deque: owner and thieves take each element exactly once", "[base][steal_deque]") {
  constexpr int items = 200'000;
  std::vector<int> taken(items);
  deque d(2);
  std::atomic<bool> all_pushed{false};
  std::vector<std::thread> thieves;
  for (int i = 0; i < 2; ++i) {
    thieves.emplace_back([&] {
      for (;;) {
        const bool last_look = all_pushed.load(std::memory_order_acquire);
        int* stolen = d.steal();
        if (stolen != nullptr) {
          ++*stolen;
        } else if (last_look) {
          return;
        }
      }
    });
  }
  for (std::size_t i = 0; i < items; ++i) {
    d.push(&taken[i]);
    if (i % 3 != 0) continue;
    if (int* newest = d.pop()) ++*newest;
  }
  while (int* newest = d.pop()) ++*newest;
  all_pushed.store(true, std::memory_order_release);
  for (std::thread& each : thieves) each.join();

  int wrong = 0;
  for (const int times : taken) wrong += times != 1;
  CHECK(wrong == 0);
}

}  // namespace
