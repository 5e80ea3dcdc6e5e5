// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>

#include <cxxabi.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace gyre::detail {
namespace {

template <class Number>
void append_number(std::string& out, Number n) {
  char digits[24];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), n).ptr;
  out.append(std::begin(digits), end);
}

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where the bracket opens that `text[close]` closes.
std::size_t opening_bracket(std::string_view text, std::size_t close, char opens, char closes) noexcept {
  std::size_t depth = 0;
  for (std::size_t i = close + 1; i-- > 0;) {
    if (text[i] == closes) ++depth;
    if (text[i] == opens && --depth == 0) return i;
  }
  return 0;
}

}  // namespace

void append_unsigned(std::string& out, std::uint64_t n) { append_number(out, n); }
void append_signed(std::string& out, std::int64_t n) { append_number(out, n); }

void append_double(std::string& out, double x) {
  char digits[32];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), x).ptr;
  const std::string_view shown(std::begin(digits), static_cast<std::size_t>(end - std::begin(digits)));
  out += shown;
  if (shown.find_first_of(".en") == std::string_view::npos) out += ".0";
}

void append_address(std::string& out, const void* p) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(p)));
  out += text;
}

void append_quoted(std::string& out, std::string_view text) {
  const char quote = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  out += quote;
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped;
    } else {
      out += c;
    }
  }
  out += quote;
}

// Read from the end, as the parameter list is the last pair of brackets. The forms:
//   gyre::coro<T> ns::work(int, F) [with T = int; F = main()::<lambda()>]      g++
//   coro<T> (anonymous namespace)::work(int, F) [T = int, F = (lambda at FILE:1:2)]      clang
//   main()::<lambda(int)>      g++, a lambda's body
//   auto main()::(anonymous class)::operator()(int) const      clang, the same
void append_place(std::string& out, const std::source_location& place) {
  out += place.file_name();
  out += ':';
  append_unsigned(out, place.line());
}

std::string_view coroutine_name(std::string_view function_name) noexcept {
  std::string_view name = function_name;
  if (name.ends_with(']')) name = name.substr(0, name.find(" ["));
  const std::size_t close = name.rfind(')');
  if (close == std::string_view::npos) return function_name;
  const std::size_t open = opening_bracket(name, close, '(', ')');
  const bool in_lambda_name = close + 1 < name.size() && name[close + 1] == '>';
  name = name.substr(0, open);
  if (in_lambda_name && name.ends_with("<lambda")) return "<lambda>";
  if (name.ends_with("operator()")) {
    name.remove_suffix(std::string_view("::operator()").size());
    // clang writes `f()::operator()` for the one of a lambda, g++ `f()::<lambda(int)>::operator()`.
    bool of_lambda = name.ends_with(')');
    if (name.ends_with('>'))
      of_lambda = name.substr(opening_bracket(name, name.size() - 1, '<', '>')).starts_with("<lambda(");
    return of_lambda ? "<lambda>" : "operator()";
  }
  if (name.ends_with('>')) name = name.substr(0, opening_bracket(name, name.size() - 1, '<', '>'));
  std::size_t begin = name.size();
  while (begin > 0 && is_word(name[begin - 1])) --begin;
  return begin == name.size() ? function_name : name.substr(begin);
}

void append_type_name(std::string& out, const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                        std::free);
  out += status == 0 ? readable.get() : mangled;
}

}  // namespace gyre::detail
