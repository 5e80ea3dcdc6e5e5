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

std::string_view coroutine_name(std::string_view function_name) noexcept {
  // "gyre::coro<T> ns::work(int, int) [with T = int]": cut at the parameter list that belongs to the function itself,
  // the first '(' outside of template arguments.
  std::size_t depth = 0;
  std::size_t open = function_name.size();
  for (std::size_t i = 0; i < function_name.size(); ++i) {
    const char c = function_name[i];
    if (c == '<') ++depth;
    if (c == '>' && depth > 0) --depth;
    if (c == '(' && depth == 0) {
      open = i;
      break;
    }
  }
  if (function_name.find("<lambda") != std::string_view::npos || function_name.find("(lambda") != std::string_view::npos ||
      function_name.find("(anonymous class)") != std::string_view::npos) {
    return "<lambda>";
  }
  std::size_t end = open;
  if (end > 0 && function_name[end - 1] == '>') {  // template arguments of the function itself
    depth = 0;
    while (end > 0) {
      --end;
      if (function_name[end] == '>') ++depth;
      if (function_name[end] == '<' && --depth == 0) break;
    }
  }
  std::size_t begin = end;
  while (begin > 0 && is_word(function_name[begin - 1])) --begin;
  return begin == end ? function_name : function_name.substr(begin, end - begin);
}

void append_type_name(std::string& out, const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                        std::free);
  out += status == 0 ? readable.get() : mangled;
}

}  // namespace gyre::detail
