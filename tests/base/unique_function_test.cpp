// SPDX-License-Identifier: BSL-1.0
#include <catch2/catch.hpp>
#include <gyre/base/unique_function.hpp>

#include <array>
#include <memory>
#include <string>

namespace {

using gyre::unique_function;

int twice(int x) { return 2 * x; }

TEST_CASE("unique_function: it calls functions, lambdas and what can only be moved", "[base][unique_function]") {
  unique_function<int(int)> f = &twice;
  CHECK(f(4) == 8);

  f = [owned = std::make_unique<int>(5)](int x) { return *owned + x; };
  CHECK(f(4) == 9);
}

TEST_CASE("unique_function: an empty one says so, as does one that was moved from", "[base][unique_function]") {
  unique_function<void()> f;
  CHECK_FALSE(f);
  CHECK_FALSE(unique_function<void()>(nullptr));

  f = [] {};
  CHECK(f);
  const unique_function<void()> g = std::move(f);
  CHECK(g);
  CHECK_FALSE(f);
}

TEST_CASE("unique_function: it passes references and values that can only be moved", "[base][unique_function]") {
  unique_function<std::string(std::unique_ptr<int>, std::string&)> f = [](std::unique_ptr<int> n, std::string& log) {
    log += 'x';
    return log + std::to_string(*n);
  };
  std::string log;
  CHECK(f(std::make_unique<int>(7), log) == "x7");
  CHECK(log == "x");
}

TEST_CASE("unique_function: small and large callables are destroyed exactly once", "[base][unique_function]") {
  const auto counted = std::make_shared<int>(0);
  std::array<char, 100> bulk{};
  {
    unique_function<long()> small = [counted] { return counted.use_count(); };
    unique_function<long()> large = [counted, bulk] { return counted.use_count() + bulk[0]; };
    CHECK(small() == 3);
    CHECK(large() == 3);

    unique_function<long()> moved = std::move(large);
    CHECK(moved() == 3);
    small = std::move(moved);  // what it held goes
    CHECK(small() == 2);
    small = nullptr;
    CHECK(counted.use_count() == 1);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("unique_function: its state lives from call to call", "[base][unique_function]") {
  unique_function<int()> count = [n = 0]() mutable { return ++n; };
  CHECK(count() == 1);
  unique_function<int()> moved = std::move(count);
  CHECK(moved() == 2);
}

}  // namespace
