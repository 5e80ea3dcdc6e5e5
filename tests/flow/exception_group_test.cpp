// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <stdexcept>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

template <class E>
std::exception_ptr made(const char* what) {
  return std::make_exception_ptr(E(what));
}

std::vector<std::exception_ptr> several() {
  return {made<std::out_of_range>("a"), made<value_error>("b"), made<std::out_of_range>("c")};
}

std::exception_ptr nested() {
  return std::make_exception_ptr(exception_group("inner", {made<value_error>("x"), made<std::out_of_range>("y")}));
}

/// Its parts are of its own type.
class my_group : public exception_group {
 public:
  my_group(std::string message, std::vector<std::exception_ptr> exceptions, int code)
      : exception_group(std::move(message), std::move(exceptions)), code_(code) {}
  [[nodiscard]] exception_group_ptr derive(std::vector<std::exception_ptr> exceptions) const override {
    return exception_group_ptr(my_group(message(), std::move(exceptions), code_));
  }
  [[nodiscard]] int code() const { return code_; }

 private:
  int code_;
};

std::string text_of(const exception_group_ptr& group) { return group ? to_string(*group) : "None"; }

}  // namespace

TEST_CASE("TG-004: the text of a group has its message and its count", "[core][exception_group]") {
  const exception_group one("it failed", {made<value_error>("a")});
  CHECK(std::string(one.what()) == "it failed (1 sub-exception)");
  const exception_group three("they failed", several());
  CHECK(std::string(three.what()) == "they failed (3 sub-exceptions)");
  CHECK(three.message() == "they failed");
  REQUIRE(three.exceptions().size() == 3);
  CHECK(in_words(three.exceptions()[1]) == "error: b");
}

TEST_CASE("exception_group: it is caught as an error of gyre's", "[core][exception_group]") {
  bool caught = false;
  try {
    throw exception_group("it failed", several());
  } catch (const error& e) {
    caught = std::string(e.what()) == "it failed (3 sub-exceptions)";
  }
  CHECK(caught);
}

TEST_CASE("exception_group: empty groups and null errors are refused", "[core][exception_group]") {
  CHECK_THROWS_AS(exception_group("none", {}), value_error);
  CHECK_THROWS_AS(exception_group("null", {nullptr}), value_error);
}

TEST_CASE("exception_group: Python's text", "[core][exception_group]") {
  const exception_group g("m", {made<value_error>("b"), nested()});
  CHECK(to_string(g).substr(0, 42) == "ExceptionGroup('m', [ValueError('b'), Exce");
  std::string text;
  detail::append_exception(text, std::make_exception_ptr(exception_group("m", {made<timeout_error>("late")})));
  CHECK(text == "ExceptionGroup('m', [TimeoutError('late')])");
}

TEST_CASE("TG-017: a group knows whether it holds more than std::exceptions", "[core][exception_group]") {
  const exception_group ordinary("m", {made<value_error>("b"), nested()});
  CHECK_FALSE(ordinary.has_base_exceptions());
  const exception_group base("m", {made<value_error>("b"), made<base_exception>("c")});
  CHECK(base.has_base_exceptions());
  CHECK(to_string(base).substr(0, 18) == "BaseExceptionGroup");
  const exception_group around("m", {std::make_exception_ptr(base)});
  CHECK(around.has_base_exceptions());
  const exception_group number("m", {std::make_exception_ptr(5)});
  CHECK(number.has_base_exceptions());
}

TEST_CASE("exception_group: split by type gives what matches and the rest", "[core][exception_group]") {
  const exception_group g("m", several());
  const auto [match, rest] = g.split<std::out_of_range>();
  REQUIRE(match);
  REQUIRE(rest);
  CHECK(match->message() == "m");
  REQUIRE(match->exceptions().size() == 2);
  CHECK(match->exceptions()[0] == g.exceptions()[0]);
  CHECK(match->exceptions()[1] == g.exceptions()[2]);
  REQUIRE(rest->exceptions().size() == 1);
  CHECK(rest->exceptions()[0] == g.exceptions()[1]);
}

TEST_CASE("exception_group: split finds base classes, and nothing where there is nothing", "[core][exception_group]") {
  const exception_group g("m", several());
  const auto [all, none] = g.split<std::logic_error>();
  REQUIRE(all);
  CHECK(all->exceptions().size() == 3);
  CHECK(none == nullptr);
  const auto [no_match, everything] = g.split<std::runtime_error>();  // which the group itself is
  CHECK_FALSE(no_match);
  REQUIRE(everything);
  CHECK(everything->exceptions() == g.exceptions());
}

TEST_CASE("exception_group: split keeps the shape of nested groups", "[core][exception_group]") {
  const exception_group g("outer", {made<value_error>("b"), nested(), made<std::out_of_range>("d")});
  const auto [match, rest] = g.split<value_error>();
  CHECK(text_of(match) == "ExceptionGroup('outer', [ValueError('b'), ExceptionGroup('inner', [ValueError('x')])])");
  REQUIRE(rest);
  REQUIRE(rest->exceptions().size() == 2);
  const auto* inner = detail::caught_as<exception_group>(rest->exceptions()[0]);
  REQUIRE(inner != nullptr);
  CHECK(inner->message() == "inner");
  CHECK(inner->exceptions().size() == 1);
}

TEST_CASE("exception_group: a group is matched as a group by its own type only", "[core][exception_group]") {
  const exception_group g("outer", {made<value_error>("b"), nested()});
  const auto [whole, nothing] = g.split<exception_group>();
  REQUIRE(whole);
  CHECK(whole->exceptions() == g.exceptions());
  CHECK_FALSE(nothing);
  CHECK_FALSE(g.subgroup<error>());
}

TEST_CASE("exception_group: split by a predicate asks about groups first", "[core][exception_group]") {
  const exception_group g("outer", {made<value_error>("b"), nested()});
  const auto is_inner = [](const std::exception_ptr& e) {
    const auto* group = detail::caught_as<exception_group>(e);
    return group != nullptr && group->message() == "inner";
  };
  const auto [match, rest] = g.split(is_inner);
  REQUIRE(match);
  REQUIRE(match->exceptions().size() == 1);
  CHECK(match->exceptions()[0] == g.exceptions()[1]);
  CHECK(text_of(rest) == "ExceptionGroup('outer', [ValueError('b')])");
}

TEST_CASE("exception_group: subgroup gives the match alone", "[core][exception_group]") {
  const exception_group g("m", several());
  CHECK(text_of(g.subgroup<value_error>()) == "ExceptionGroup('m', [ValueError('b')])");
  CHECK(text_of(g.subgroup<timeout_error>()) == "None");
  const auto any = [](const std::exception_ptr&) { return true; };
  const exception_group_ptr whole = g.subgroup(any);
  REQUIRE(whole);
  CHECK(whole->exceptions() == g.exceptions());
}

TEST_CASE("exception_group: a derived group makes its parts", "[core][exception_group]") {
  const my_group g("m", several(), 5);
  const auto [match, rest] = g.split<value_error>();
  REQUIRE(match);
  const auto* mine = dynamic_cast<const my_group*>(&*match);
  REQUIRE(mine != nullptr);
  CHECK(mine->code() == 5);
  CHECK(dynamic_cast<const my_group*>(&*rest) != nullptr);
}

TEST_CASE("exception_group: the rest can be thrown on", "[core][exception_group]") {
  std::string handled;
  std::string left;
  try {
    try {
      throw exception_group("m", several());
    } catch (const exception_group& g) {
      const auto [mine, rest] = g.split<value_error>();
      if (mine) handled = to_string(*mine);
      if (rest) std::rethrow_exception(rest);
    }
  } catch (const exception_group& g) {
    left = g.what();
  }
  CHECK(handled == "ExceptionGroup('m', [ValueError('b')])");
  CHECK(left == "m (2 sub-exceptions)");
}
