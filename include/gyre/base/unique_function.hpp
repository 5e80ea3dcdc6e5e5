// SPDX-License-Identifier: BSL-1.0
#pragma once
// A move-only callable: std::move_only_function for C++20.  Layer: base.
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace gyre {

template <class Signature>
class unique_function;

/// Owns one callable; small ones live inside the object.
///
/// Cost:    callables up to six words that move without throwing allocate nothing.
template <class R, class... Args>
class unique_function<R(Args...)> {
 public:
  unique_function() noexcept {}  // NOLINT: the buffer stays uninitialised on purpose
  unique_function(std::nullptr_t) noexcept {}

  template <class F, class D = std::decay_t<F>>
    requires(!std::same_as<D, unique_function> && std::is_invocable_r_v<R, D&, Args...>)
  unique_function(F&& f) {
    if constexpr (fits<D>) {
      std::construct_at(static_cast<D*>(buffer()), std::forward<F>(f));
      type_ = &small_type<D>;
    } else {
      std::construct_at(static_cast<D**>(buffer()), new D(std::forward<F>(f)));
      type_ = &large_type<D>;
    }
  }

  unique_function(unique_function&& other) noexcept { take(other); }
  unique_function& operator=(unique_function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~unique_function() { reset(); }

  explicit operator bool() const noexcept { return type_ != nullptr; }

  R operator()(Args... args) { return type_->call(buffer(), std::forward<Args>(args)...); }

 private:
  struct operations {
    R (*call)(void* self, Args&&... args);
    void (*move)(void* from, void* to) noexcept;
    void (*destroy)(void* self) noexcept;
  };

  template <class F>
  static constexpr bool fits = sizeof(F) <= 6 * sizeof(void*) && alignof(F) <= alignof(std::max_align_t) &&
                               std::is_nothrow_move_constructible_v<F>;

  template <class F>
  static constexpr operations small_type{
      [](void* self, Args&&... args) -> R { return (*static_cast<F*>(self))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept {
        std::construct_at(static_cast<F*>(to), std::move(*static_cast<F*>(from)));
        std::destroy_at(static_cast<F*>(from));
      },
      [](void* self) noexcept { std::destroy_at(static_cast<F*>(self)); }};

  template <class F>
  static constexpr operations large_type{
      [](void* self, Args&&... args) -> R { return (**static_cast<F**>(self))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept { std::construct_at(static_cast<F**>(to), *static_cast<F**>(from)); },
      [](void* self) noexcept { delete *static_cast<F**>(self); }};

  void* buffer() noexcept { return static_cast<void*>(buffer_); }
  void take(unique_function& other) noexcept {
    type_ = std::exchange(other.type_, nullptr);
    if (type_ != nullptr) type_->move(other.buffer(), buffer());
  }
  void reset() noexcept {
    if (type_ != nullptr) std::exchange(type_, nullptr)->destroy(buffer());
  }

  const operations* type_ = nullptr;
  alignas(std::max_align_t) std::byte buffer_[6 * sizeof(void*)];
};

}  // namespace gyre
