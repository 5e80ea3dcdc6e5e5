// SPDX-License-Identifier: BSL-1.0
#include <catch2/catch.hpp>
#include <gyre/base/ring_buffer.hpp>
#include <gyre/base/steal_deque.hpp>
#include <gyre/base/unique_function.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using gyre::unique_function;
using gyre::detail::ring_buffer;
using gyre::detail::steal_deque;

TEST_CASE("unique_function: calls small and large callables, and moves them", "[base][unique_function]") {
  const auto owned = std::make_unique<int>(3);
  unique_function<int(int)> small([kept = owned.get()](int n) { return *kept + n; });
  CHECK(small(4) == 7);
  struct large {
    int numbers[100] = {1};
    std::unique_ptr<int> owner = std::make_unique<int>(2);
  };
  unique_function<int()> big([kept = large()] { return kept.numbers[0] + *kept.owner; });
  CHECK(big() == 3);
  unique_function<int()> moved = std::move(big);
  CHECK(moved() == 3);
  CHECK_FALSE(static_cast<bool>(big));
  moved = nullptr;
  CHECK_FALSE(static_cast<bool>(moved));
}

TEST_CASE("unique_function: destroys what it holds once", "[base][unique_function]") {
  const auto token = std::make_shared<int>(0);
  {
    unique_function<void()> a([token] {});
    unique_function<void()> b = std::move(a);
    CHECK(token.use_count() == 2);
    a = std::move(b);
    CHECK(token.use_count() == 2);
    a = unique_function<void()>();
    CHECK(token.use_count() == 1);
  }
  CHECK(token.use_count() == 1);
}

TEST_CASE("ring_buffer: first in, first out over many turns of the ring", "[base][ring_buffer]") {
  ring_buffer<std::string> ring;
  CHECK(ring.empty());
  int put = 0;
  int got = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 7; ++i) ring.push(std::to_string(put++));
    for (int i = 0; i < 6; ++i) CHECK(ring.pop() == std::to_string(got++));
  }
  CHECK(ring.size() == 200);
  CHECK(ring.at(0) == std::to_string(got));
  while (!ring.empty()) CHECK(ring.pop() == std::to_string(got++));
  CHECK(got == put);
}

TEST_CASE("steal_deque: the owner takes the newest, thieves the oldest", "[base][steal_deque]") {
  steal_deque<int> deque;
  std::vector<int> numbers{0, 1, 2, 3};
  CHECK(deque.pop() == nullptr);
  CHECK(deque.take() == nullptr);
  for (int& each : numbers) deque.push(&each);
  CHECK(deque.pop() == &numbers[3]);
  CHECK(deque.take() == &numbers[0]);
  CHECK(deque.pop() == &numbers[2]);
  CHECK(deque.take() == &numbers[1]);
  CHECK(deque.empty());
}

TEST_CASE("steal_deque: grows", "[base][steal_deque]") {
  steal_deque<int> deque;
  std::vector<int> numbers(10'000);
  for (int& each : numbers) deque.push(&each);
  bool ordered = true;
  for (int& each : numbers) ordered = ordered && deque.take() == &each;
  CHECK(ordered);
  CHECK(deque.empty());
}

TEST_CASE("steal_deque: each entry goes to one taker", "[base][steal_deque]") {
  constexpr int count = 20'000;
  steal_deque<std::atomic<int>> deque;
  std::vector<std::atomic<int>> taken(count);
  std::atomic<int> left{count};
  std::vector<std::thread> thieves;
  for (int t = 0; t < 2; ++t) {
    thieves.emplace_back([&] {
      while (left.load() > 0) {
        if (std::atomic<int>* each = deque.take(); each != nullptr) {
          ++*each;
          --left;
        }
      }
    });
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    deque.push(&taken[i]);
    if (i % 3 != 0) continue;
    if (std::atomic<int>* each = deque.pop(); each != nullptr) {
      ++*each;
      --left;
    }
  }
  while (left.load() > 0) {
    if (std::atomic<int>* each = deque.pop(); each != nullptr) {
      ++*each;
      --left;
    }
  }
  for (std::thread& each : thieves) each.join();
  bool once = true;
  for (const std::atomic<int>& each : taken) once = once && each.load() == 1;
  CHECK(once);
}
