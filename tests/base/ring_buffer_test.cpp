// SPDX-License-Identifier: BSL-1.0
#include <catch2/catch.hpp>
#include <gyre/base/ring_buffer.hpp>

#include <memory>
#include <stdexcept>

namespace {

using gyre::detail::ring_buffer;

TEST_CASE("ring_buffer: first in, first out, also around its end", "[base][ring_buffer]") {
  ring_buffer<int> r;
  int next = 0;
  for (int i = 0; i < 100; ++i) {
    r.push(i);
    if (i % 2 == 1) {
      REQUIRE(r.pop() == next);
      ++next;
    }
  }
  CHECK(r.size() == 50);
  CHECK(r.at(0) == 50);
  CHECK(r.at(49) == 99);
  while (!r.empty()) {
    REQUIRE(r.pop() == next);
    ++next;
  }
  CHECK(next == 100);
}

TEST_CASE("ring_buffer: it holds what can only be moved", "[base][ring_buffer]") {
  ring_buffer<std::unique_ptr<int>> r;
  for (int i = 0; i < 20; ++i) r.push(std::make_unique<int>(i));
  CHECK(*r.pop() == 0);
  CHECK(**std::addressof(r.at(18)) == 19);
}

TEST_CASE("ring_buffer: what is left in it is destroyed with it", "[base][ring_buffer]") {
  const auto counted = std::make_shared<int>(0);
  {
    ring_buffer<std::shared_ptr<int>> r;
    for (int i = 0; i < 20; ++i) r.push(counted);
    static_cast<void>(r.pop());
    CHECK(counted.use_count() == 20);
  }
  CHECK(counted.use_count() == 1);
}

struct refuses_copies {
  explicit refuses_copies(int n) : number(n) {}
  refuses_copies(const refuses_copies& other) : number(other.number) {
    if (refuse) throw std::runtime_error("no");
  }
  int number;
  static inline bool refuse = false;
};

TEST_CASE("ring_buffer: a push that throws changes nothing", "[base][ring_buffer]") {
  ring_buffer<refuses_copies> r;
  for (int i = 0; i < 8; ++i) r.push(i);
  const refuses_copies ninth(8);

  refuses_copies::refuse = true;
  CHECK_THROWS_AS(r.push(ninth), std::runtime_error);  // it is full: the elements cannot be moved either
  refuses_copies::refuse = false;

  CHECK(r.size() == 8);
  r.push(ninth);
  for (int i = 0; i < 9; ++i) CHECK(r.pop().number == i);
}

}  // namespace
