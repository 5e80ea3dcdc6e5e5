// SPDX-License-Identifier: BSL-1.0
#pragma once
// Builds the texts of tasks, futures and values: names, numbers, addresses, quoted strings.  Layer: base.
#include <concepts>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace gyre::detail {

void append_unsigned(std::string& out, std::uint64_t n);
void append_signed(std::string& out, std::int64_t n);
void append_double(std::string& out, double x);

/// `0x` and the address in hexadecimal, as Python prints one.
void append_address(std::string& out, const void* p);

/// `'text'` with backslash escapes for quotes, backslashes and control characters; other bytes as they are.
void append_quoted(std::string& out, std::string_view text);

/// `FILE:LINE`
void append_place(std::string& out, const std::source_location& place);

/// The name of the coroutine whose std::source_location::function_name() this is: the last identifier before the
/// parameter list, `<lambda>` for a lambda's body.
[[nodiscard]] std::string_view coroutine_name(std::string_view function_name) noexcept;

/// The readable name of a type, from its RTTI name.
void append_type_name(std::string& out, const char* mangled);

/// `Type('what')` of any exception; asyncio's errors by their Python names. Set by the core layer's error types.
void append_exception(std::string& out, const std::exception_ptr& error);

template <class T>
concept text_range = requires(const T& t) {
  t.begin();
  t.end();
  t.size();
};

template <class T>
concept self_describing = requires(const T& t, std::string& out) { t.append_text(out); };

/// Appends the text of a value as Python would show its counterpart: `'text'`, `[..]`, `(..)`, `None`, `True`.
/// A type without a known form shows as `<its type>`.
template <class T>
void append_value(std::string& out, const T& value);

template <class T>
void append_elements(std::string& out, const T& range) {
  bool first = true;
  for (const auto& element : range) {
    if (!std::exchange(first, false)) out += ", ";
    append_value(out, element);
  }
}

template <class... Ts>
void append_tuple(std::string& out, const std::tuple<Ts...>& values) {
  out += '(';
  std::apply(
      [&out](const auto&... each) {
        std::size_t i = 0;
        ((out += (i++ == 0 ? "" : ", "), append_value(out, each)), ...);
      },
      values);
  out += sizeof...(Ts) == 1 ? ",)" : ")";
}

template <class T>
inline constexpr bool is_tuple = false;
template <class... Ts>
inline constexpr bool is_tuple<std::tuple<Ts...>> = true;

template <class T>
void append_value(std::string& out, const T& value) {
  if constexpr (self_describing<T>) {
    value.append_text(out);
  } else if constexpr (std::same_as<T, bool>) {
    out += value ? "True" : "False";
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    append_quoted(out, std::string_view(value));
  } else if constexpr (std::same_as<T, std::exception_ptr>) {
    append_exception(out, value);
  } else if constexpr (std::same_as<T, char>) {
    append_quoted(out, std::string_view(&value, 1));
  } else if constexpr (std::unsigned_integral<T>) {
    append_unsigned(out, value);
  } else if constexpr (std::integral<T>) {
    append_signed(out, value);
  } else if constexpr (std::floating_point<T>) {
    append_double(out, static_cast<double>(value));
  } else if constexpr (is_tuple<T>) {
    append_tuple(out, value);
  } else if constexpr (text_range<T>) {
    out += '[';
    append_elements(out, value);
    out += ']';
  } else {
    out += '<';
    append_type_name(out, typeid(T).name());
    out += '>';
  }
}

}  // namespace gyre::detail
