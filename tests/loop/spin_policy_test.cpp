// SPDX-License-Identifier: BSL-1.0
// When a loop looks around before it falls asleep.
#include "loop/spin_policy.hpp"

#include <catch2/catch.hpp>

#include <cstdint>

using gyre::detail::spin_policy;

namespace {

constexpr std::int64_t window = 100;

/// Work, then nothing for `wait`, then work again.
void wait_for(spin_policy& policy, std::int64_t wait) {
  std::int64_t time = 0;
  const auto now = [&time] { return time; };
  policy.after_turn(true, window, now);
  policy.after_turn(false, window, now);
  time = wait;
  policy.after_turn(false, window, now);
  policy.after_turn(true, window, now);
}

}  // namespace

TEST_CASE("spinning: a loop without a past does not spin", "[loop][parking]") {
  CHECK_FALSE(spin_policy().pays());
}

TEST_CASE("spinning: it pays after a short wait, and not after a long one", "[loop][parking]") {
  spin_policy policy;
  wait_for(policy, 200);
  CHECK(policy.pays());
  wait_for(policy, 201);
  CHECK_FALSE(policy.pays());
}

TEST_CASE("spinning: spins in vain end it, whatever was before", "[loop][parking]") {
  spin_policy policy;
  for (int i = 0; i < 100; ++i) wait_for(policy, 1);
  int spins = 0;
  for (; policy.pays(); ++spins) policy.lost();
  CHECK(spins == 4);
  wait_for(policy, 1);
  CHECK(policy.pays());
}
