// SPDX-License-Identifier: BSL-1.0
// Where a loop sleeps: what ends the sleep, and when at the latest.
#include <catch2/catch.hpp>

#include <gyre/base/clock.hpp>

#include <loop/reactor.hpp>

using namespace gyre;

namespace {

constexpr std::int64_t hour = 3'600'000'000'000;

std::int64_t now() { return time_source::steady().now(); }

}  // namespace

TEST_CASE("reactor: an alarm is moved to an earlier time, from wherever that comes", "[loop][reactor]") {
  detail::reactor from_others;
  from_others.wake_at(now() + hour);
  from_others.wake_at(now());
  from_others.wait(detail::never);  // else it ends in an hour
  detail::reactor own;
  own.wake_at(now() + hour);
  own.wait(now());
  SUCCEED("both sleeps have ended");
}

TEST_CASE("reactor: an alarm is not moved to a later time, and goes off once", "[loop][reactor]") {
  detail::reactor place;
  place.wake_at(now());
  place.wake_at(now() + hour);
  place.wait(now() + hour);
  place.wake_at(now());  // after one that has gone off, any is earlier
  place.wait(detail::never);
  SUCCEED("both sleeps have ended");
}

TEST_CASE("reactor: one bell is under way at a time, and ends one sleep", "[loop][reactor]") {
  detail::reactor place;
  CHECK(place.wake());
  CHECK_FALSE(place.wake());
  place.wait(detail::never);
  CHECK(place.wake());
  place.wait(detail::never);
}
