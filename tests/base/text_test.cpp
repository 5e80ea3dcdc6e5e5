// SPDX-License-Identifier: BSL-1.0
#include <catch2/catch.hpp>
#include <gyre/base/text.hpp>

#include <limits>
#include <string>
#include <vector>

using gyre::detail::append_quoted;
using gyre::detail::append_value;
using gyre::detail::coroutine_name;

namespace {

template <class T>
std::string text_of(const T& value) {
  std::string out;
  append_value(out, value);
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace

TEST_CASE("text: the name of a coroutine function, as g++ spells it", "[base][text]") {
  CHECK(coroutine_name("gyre::coro<int> work(int)") == "work");
  CHECK(coroutine_name("gyre::coro<std::vector<int> > {anonymous}::work(std::function<void(int)>)") == "work");
  CHECK(coroutine_name("gyre::coro<> ns::type::work(int) const") == "work");
  CHECK(coroutine_name("gyre::coro<T> ns::work(T) [with T = int]") == "work");
  CHECK(coroutine_name("gyre::coro<> work(F) [with F = main()::<lambda(int)>]") == "work");
  CHECK(coroutine_name("main()::<lambda()>") == "<lambda>");
  CHECK(coroutine_name("main()::<lambda(auto:1, void (*)(int))> [with auto:1 = int]") == "<lambda>");
  CHECK(coroutine_name("static gyre::coro<int> main()::tree::node(int, int)") == "node");
  CHECK(coroutine_name("gyre::coro<> functor::operator()(int) const") == "operator()");
  CHECK(coroutine_name("void f()::<lambda(int)>::operator()(f()::<lambda(int)>::_ZZ1fvENKUliE_clEi.Frame*)") ==
        "<lambda>");
  CHECK(coroutine_name("gyre::coro<> box<int>::operator()(int) const") == "operator()");
}

TEST_CASE("text: the name of a coroutine function, as clang spells it", "[base][text]") {
  CHECK(coroutine_name("coro<int> work(int)") == "work");
  CHECK(coroutine_name("coro<> (anonymous namespace)::work(int &)") == "work");
  CHECK(coroutine_name("gyre::coro<T> ns::work(T) [T = (lambda at /a b/file.cpp:1:2)]") == "work");
  CHECK(coroutine_name("auto main()::(anonymous class)::operator()() const") == "<lambda>");
  CHECK(coroutine_name("auto (lambda at /a/file.cpp:1:2)::operator()(int) const") == "<lambda>");
  CHECK(coroutine_name("coro<> work<std::pair<int, int>>(int)") == "work");
}

TEST_CASE("text: what is no function keeps its text", "[base][text]") {
  CHECK(coroutine_name("") == "");
  CHECK(coroutine_name("work") == "work");
}

TEST_CASE("text: strings are quoted as in Python", "[base][text]") {
  CHECK(quoted("plain") == "'plain'");
  CHECK(quoted("it's") == "\"it's\"");
  CHECK(quoted("it's \"both\"") == "'it\\'s \"both\"'");
  CHECK(quoted("a\\b") == "'a\\\\b'");
  CHECK(quoted("line\n\ttab\r") == "'line\\n\\ttab\\r'");
  CHECK(quoted(std::string_view("\x01\x7f", 2)) == "'\\x01\\x7f'");
  CHECK(quoted("\xc3\xa9") == "'\xc3\xa9'");
}

TEST_CASE("text: numbers", "[base][text]") {
  CHECK(text_of(0) == "0");
  CHECK(text_of(-7) == "-7");
  CHECK(text_of(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(text_of(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(text_of(true) == "True");
  CHECK(text_of(1.0) == "1.0");
  CHECK(text_of(0.1) == "0.1");
  CHECK(text_of(-2.5) == "-2.5");
  CHECK(text_of(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(text_of(std::numeric_limits<double>::quiet_NaN()) == "nan");
}

TEST_CASE("text: large and small numbers have Python's exponents", "[base][text]") {
  CHECK(text_of(1e22) == "1e+22");
  CHECK(text_of(1e-7) == "1e-07");
}

TEST_CASE("text: containers, tuples and types without a form", "[base][text]") {
  CHECK(text_of(std::vector<int>{}) == "[]");
  CHECK(text_of(std::vector<std::string>{"a", "b"}) == "['a', 'b']");
  CHECK(text_of(std::tuple<>()) == "()");
  CHECK(text_of(std::make_tuple(1, std::string("x"))) == "(1, 'x')");
  struct opaque {};
  CHECK(text_of(opaque()).front() == '<');
}
