// SPDX-License-Identifier: BSL-1.0
#pragma once
// The body of a scope: how it is called, and its value while the scope is left.  Layer: flow.
#include <gyre/base/invoke.hpp>
#include <gyre/core/coro.hpp>

#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace gyre::detail {

/// Calls `body(scope, args...)`, or `body(args...)` if it takes no scope. Arguments are moved in.
template <class F, class Scope, class... Args>
auto call_in_scope(F& body, Scope& scope, Args&&... args) {
  if constexpr (std::is_invocable_v<F&, Scope&, Args&&...>) {
    return call_any(body, scope, std::forward<Args>(args)...);
  } else {
    return call_any(body, std::forward<Args>(args)...);
  }
}

/// What such a body gives.
template <class F, class Scope, class... Args>
using scoped_value = typename decltype(call_in_scope(std::declval<std::decay_t<F>&>(), std::declval<Scope&>(),
                                                     std::declval<std::unwrap_ref_decay_t<Args>>()...))::value_type;

/// A body and its arguments, kept for as long as it runs.
template <class F, class... Args>
class body_source {
 public:
  template <class G, class... Given>
  explicit body_source(G&& body, Given&&... args) : body_(std::forward<G>(body)), args_(std::forward<Given>(args)...) {}

  template <class Scope>
  auto begin(Scope& scope) {
    auto body =
        std::apply([&](auto&... each) { return call_in_scope(body_, scope, std::forward<Args>(each)...); }, args_);
    static_assert(is_coro_v<decltype(body)>, "the body of a scope is a coroutine: it returns a coro");
    return body;
  }

 private:
  F body_;
  std::tuple<Args...> args_;
};

template <class F, class... Args>
auto keep_body(F&& body, Args&&... args) {
  return body_source<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>(std::forward<F>(body),
                                                                        std::forward<Args>(args)...);
}

/// Room for the value of a body.
template <class R>
class kept_value {
 public:
  template <class U>
  void keep(U&& value) {
    if constexpr (std::is_reference_v<R>) {
      value_.emplace(std::addressof(value));
    } else {
      value_.emplace(std::forward<U>(value));
    }
  }
  R give() {
    if constexpr (std::is_reference_v<R>) {
      return static_cast<R>(**value_);
    } else {
      return *std::move(value_);
    }
  }
  std::optional<stored<R>> take() { return std::move(value_); }

 private:
  std::optional<stored<R>> value_;
};

template <>
class kept_value<void> {
 public:
  void give() const noexcept {}
  [[nodiscard]] std::optional<unit> take() const noexcept { return unit(); }
};

}  // namespace gyre::detail
