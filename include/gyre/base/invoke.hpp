// SPDX-License-Identifier: BSL-1.0
#pragma once
// Calls any callable, pointers to members included: std::invoke without the weight of <functional>.  Layer: base.
#include <type_traits>
#include <utility>

namespace gyre::detail {

template <class F, class... Args>
decltype(auto) call_any(F&& f, Args&&... args) {
  if constexpr (std::is_member_pointer_v<std::remove_reference_t<F>>) {
    const auto call_member = [f](auto&& object, auto&&... rest) -> decltype(auto) {
      using object_type = std::remove_reference_t<decltype(object)>;
      const auto apply = [&](auto&& target) -> decltype(auto) {
        if constexpr (std::is_member_function_pointer_v<std::remove_reference_t<F>>) {
          return (std::forward<decltype(target)>(target).*f)(std::forward<decltype(rest)>(rest)...);
        } else {
          return std::forward<decltype(target)>(target).*f;
        }
      };
      if constexpr (std::is_invocable_v<F, object_type&&, decltype(rest)...> && !std::is_pointer_v<object_type>) {
        return apply(std::forward<decltype(object)>(object));
      } else {
        return apply(*std::forward<decltype(object)>(object));
      }
    };
    return call_member(std::forward<Args>(args)...);
  } else {
    return std::forward<F>(f)(std::forward<Args>(args)...);
  }
}

}  // namespace gyre::detail
