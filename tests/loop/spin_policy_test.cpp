// SPDX-License-Identifier: BSL-1.0
// When a loop looks around before it falls asleep.
#include "loop/spin_policy.hpp"

#include <catch2/catch.hpp>

#include <cstdint>

using gyre::detail::spin_policy;

namespace {

constexpr std::int64_t window = 100;

/// Work, then nothing for `wait`, then work again, which another thread sent or not.
void wait_for(spin_policy& policy, std::int64_t wait, bool sent = true) {
  std::int64_t time = 0;
  const auto now = [&time] { return time; };
  policy.after_turn(true, false, window, now);
  policy.after_turn(false, false, window, now);
  time = wait;
  policy.after_turn(false, false, window, now);
  policy.after_turn(true, sent, window, now);
}

/// A spin in which each look takes `each`, and that finds something at the `found_at`th. Whether it did.
bool spin(spin_policy& policy, std::int64_t each, int found_at) {
  std::int64_t time = 0;
  int looks = 0;
  const auto found = [&] {
    time += each;
    return ++looks == found_at;
  };
  return policy.spin(window, window, [&time] { return time; }, found);
}

}  // namespace

TEST_CASE("spinning: a loop without a past does not spin", "[loop][parking]") { CHECK_FALSE(spin_policy().pays()); }

TEST_CASE("spinning: it pays after a short wait, and not after a long one", "[loop][parking]") {
  spin_policy policy;
  wait_for(policy, 200);
  CHECK(policy.pays());
  wait_for(policy, 201);
  CHECK_FALSE(policy.pays());
}

TEST_CASE("spinning: it does not pay after a wait for I/O or a timer, however short", "[loop][parking]") {
  spin_policy policy;
  for (int i = 0; i < 10; ++i) wait_for(policy, 1, false);
  CHECK_FALSE(policy.pays());
  for (int i = 0; i < 10; ++i) wait_for(policy, 1);
  wait_for(policy, 1, false);
  CHECK_FALSE(policy.pays());
}

TEST_CASE("spinning: spins in vain end it, whatever was before", "[loop][parking]") {
  spin_policy policy;
  for (int i = 0; i < 100; ++i) wait_for(policy, 1);
  int spins = 0;
  for (; policy.pays(); ++spins) CHECK_FALSE(spin(policy, 10, 1000));
  CHECK(spins == 4);
  wait_for(policy, 1);
  CHECK(policy.pays());
}

TEST_CASE("spinning: a spin that finds something goes on paying", "[loop][parking]") {
  spin_policy policy;
  wait_for(policy, 1);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(policy.pays());
    CHECK(spin(policy, 10, 9));
  }
}

TEST_CASE("spinning: after a lost time slice as many waits go without as cost that much", "[loop][parking]") {
  constexpr std::int64_t time_slice = 4'000'000;
  constexpr std::int64_t wake_up = 40'000;
  spin_policy policy;
  for (std::int64_t waits = 1 + time_slice / wake_up; waits < 4095; waits = 2 * waits + 1 + time_slice / wake_up) {
    wait_for(policy, 1);
    CHECK(spin(policy, time_slice, 1));
    CHECK_FALSE(policy.pays());
    wait_for(policy, 1);
    std::int64_t left_out = 0;
    while (!policy.pays()) ++left_out;
    CHECK(left_out == waits);
  }
}

TEST_CASE("spinning: a core that comes back a little late costs few waits", "[loop][parking]") {
  spin_policy policy;
  wait_for(policy, 1);
  CHECK(spin(policy, window + 1, 1));
  wait_for(policy, 1);
  CHECK_FALSE(policy.pays());
  CHECK(policy.pays());
}
