// SPDX-License-Identifier: BSL-1.0
// Whether somebody is told of a task that is alone in its queue.
#include "loop/lone_calls.hpp"

#include <catch2/catch.hpp>

#include <cstdint>

using gyre::detail::lone_calls;

namespace {

/// How many tasks go by without a call until the next one.
int held_back(lone_calls& calls, std::uint64_t taken) {
  int count = 0;
  while (!calls.due(taken)) ++count;
  return count;
}

}  // namespace

TEST_CASE("lone task: the first one is told of", "[loop][parking]") { CHECK(lone_calls().due(0)); }

TEST_CASE("lone task: calls in vain become rarer, up to a bound", "[loop][parking]") {
  lone_calls calls;
  CHECK(calls.due(7));
  CHECK(held_back(calls, 7) == 0);
  CHECK(held_back(calls, 7) == 1);
  CHECK(held_back(calls, 7) == 3);
  CHECK(held_back(calls, 7) == 7);
  for (int i = 0; i < 20; ++i) static_cast<void>(held_back(calls, 7));
  CHECK(held_back(calls, 7) == 4095);
}

TEST_CASE("lone task: once somebody has taken one, each is told of", "[loop][parking]") {
  lone_calls calls;
  for (int i = 0; i < 5; ++i) static_cast<void>(held_back(calls, 7));
  CHECK(held_back(calls, 8) > 0);
  for (std::uint64_t taken = 9; taken < 20; ++taken) CHECK(calls.due(taken));
}
