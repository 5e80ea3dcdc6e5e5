// SPDX-License-Identifier: BSL-1.0
#include <catch2/catch.hpp>
#include <gyre/base/clock.hpp>

#include <chrono>
#include <cstdint>
#include <limits>

namespace {

using namespace std::chrono_literals;
using gyre::detail::clamped_nanoseconds;
using gyre::detail::deadline_after;
using gyre::detail::never;

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
using seconds = std::chrono::duration<double>;
using hours = std::chrono::hours;

TEST_CASE("clamped_nanoseconds: what fits is exact", "[base][clock]") {
  CHECK(clamped_nanoseconds(0ns) == 0);
  CHECK(clamped_nanoseconds(-1ns) == -1);
  CHECK(clamped_nanoseconds(1ms) == 1'000'000);
  CHECK(clamped_nanoseconds(24h) == 86'400'000'000'000);
  CHECK(clamped_nanoseconds(seconds(0.25)) == 250'000'000);
  CHECK(clamped_nanoseconds(seconds(-1.5)) == -1'500'000'000);
  CHECK(clamped_nanoseconds(std::chrono::nanoseconds(highest - 1)) == highest - 1);
  CHECK(clamped_nanoseconds(std::chrono::nanoseconds::max()) == highest);
  CHECK(clamped_nanoseconds(std::chrono::nanoseconds::min()) == lowest);
}

TEST_CASE("clamped_nanoseconds: what does not fit is the end of the range", "[base][clock]") {
  CHECK(clamped_nanoseconds(hours::max()) == highest);
  CHECK(clamped_nanoseconds(hours::min()) == lowest);
  CHECK(clamped_nanoseconds(hours(24 * 366 * 300)) == highest);
  CHECK(clamped_nanoseconds(seconds(1e300)) == highest);
  CHECK(clamped_nanoseconds(seconds(-1e300)) == lowest);
  CHECK(clamped_nanoseconds(seconds(std::numeric_limits<double>::infinity())) == highest);
  CHECK(clamped_nanoseconds(seconds(-std::numeric_limits<double>::infinity())) == lowest);
}

TEST_CASE("deadline_after: a delay past the end of the clock means never", "[base][clock]") {
  CHECK(deadline_after(5, 7) == 12);
  CHECK(deadline_after(5, -7) == -2);
  CHECK(deadline_after(5, 0) == 5);
  CHECK(deadline_after(5, never) == never);
  CHECK(deadline_after(5, never - 5) == never);
  CHECK(deadline_after(5, never - 6) == never - 1);
}

TEST_CASE("FAULT-36: the steady clock never goes back", "[base][clock]") {
  const gyre::time_source& clock = gyre::time_source::steady();
  const std::int64_t first = clock.now();
  CHECK(clock.now() >= first);
}

}  // namespace
