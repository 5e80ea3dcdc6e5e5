// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the tests of task groups share: bodies of tasks, and how a scope ended.
#include "loop_test.hpp"

#include <stdexcept>
#include <string>

namespace gyre_test {

inline gyre::coro<> forever() { co_await gyre::sleep(1h); }

inline gyre::coro<int> after(int turns, int value) {
  co_await settle(turns);
  co_return value;
}

inline gyre::coro<> fail_after(int turns, const char* what) {
  co_await settle(turns);
  throw std::runtime_error(what);
}

inline gyre::coro<> fail_when_cancelled(const char* what) {
  static_cast<void>(co_await outcome(forever()));
  throw std::runtime_error(what);
}

inline std::string in_brackets(std::string text) {
  text.insert(text.begin(), '[');
  text += ']';
  return text;
}

/// The errors of a group in words, nested groups in brackets.
inline std::string all_of(const gyre::exception_group& group) {
  std::string out;
  for (const std::exception_ptr& each : group.exceptions()) {
    if (!out.empty()) out += ", ";
    const auto* inner = gyre::detail::caught_as<gyre::exception_group>(each);
    out += inner == nullptr ? in_words(each) : in_brackets(all_of(*inner));
  }
  return out;
}

/// How a scope ends, in words: its group's errors in brackets.
template <class R>
gyre::coro<std::string> ending(gyre::coro<R> scope) {
  std::exception_ptr error;
  try {
    static_cast<void>(co_await std::move(scope));
  } catch (...) {
    error = std::current_exception();
  }
  const auto* group = gyre::detail::caught_as<gyre::exception_group>(error);
  if (group == nullptr) co_return in_words(error);
  co_return in_brackets(all_of(*group));
}

}  // namespace gyre_test
