// SPDX-License-Identifier: BSL-1.0
#pragma once
// with: async cleanup that always runs; context managers from generators.  Layer: flow.
#include <gyre/core/async_generator.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/generator.hpp>

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gyre {

namespace detail {

/// A lock, a semaphore: acquire() and release().
template <class X>
concept acquirable = requires(X& x) {
  x.acquire();
  x.release();
};

/// An own class: coro<V> aenter(), coro<bool> aexit(std::exception_ptr).
template <class X>
concept async_context = requires(X& x, std::exception_ptr error) {
  { x.aexit(error) };
  requires is_coro_v<std::remove_cvref_t<decltype(x.aenter())>>;
  requires is_coro_v<std::remove_cvref_t<decltype(x.aexit(error))>>;
};

template <class F, class V>
auto call_body(F& body, V& value) {
  if constexpr (std::is_invocable_v<F&, V&>) {
    return body(value);
  } else {
    return body();
  }
}
template <class F, class V>
using body_coro = decltype(call_body(std::declval<F&>(), std::declval<V&>()));

/// Outcome of a body, kept while the way out is awaited: co_await is not possible in a catch handler.
template <class R>
class kept_outcome {
 public:
  void keep_error() noexcept { error_ = std::current_exception(); }
  template <class U>
  void keep(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
  /// `swallowed`: the error was dealt with; a default value stands in then.
  R get(bool swallowed) {
    if (error_ != nullptr && !swallowed) std::rethrow_exception(std::move(error_));
    if constexpr (!std::is_void_v<R>) {
      if (!value_) value_.emplace();
      return std::move(*value_);
    }
  }

 private:
  std::exception_ptr error_;
  std::optional<stored<R>> value_;
};

template <class R, class F, class V>
coro<> run_body(kept_outcome<R>& outcome, F& body, V& value) {
  try {
    if constexpr (std::is_void_v<R>) {
      co_await call_body(body, value);
    } else {
      outcome.keep(co_await call_body(body, value));
    }
  } catch (...) {
    outcome.keep_error();
  }
}

template <class X, class F, class R = typename body_coro<F, std::remove_reference_t<X>>::value_type>
coro<R> with_held(X x, F body) {
  co_await x.acquire();
  kept_outcome<R> outcome;
  co_await run_body<R>(outcome, body, x);
  x.release();
  co_return outcome.get(false);
}

template <class X>
using entered = typename std::remove_cvref_t<decltype(std::declval<X&>().aenter())>::value_type;

/// aenter() with `unit` for a void one.
template <class X>
coro<stored<entered<X>>> enter_context(X& x) {
  if constexpr (std::is_void_v<entered<X>>) {
    co_await x.aenter();
    co_return unit();
  } else {
    co_return co_await x.aenter();
  }
}

template <class X, class F, class R = typename body_coro<F, stored<entered<X>>>::value_type>
coro<R> with_context(X x, F body) {
  stored<entered<X>> value = co_await enter_context(x);
  kept_outcome<R> outcome;
  co_await run_body<R>(outcome, body, value);
  const bool swallowed = co_await x.aexit(outcome.error());
  co_return outcome.get(outcome.error() != nullptr && swallowed);
}

}  // namespace detail

/// Enters `x`, runs `body(v)` or `body()`, and leaves `x` whichever way the body ends.
///
/// Shape:   `x` is a lock or semaphore (v is it), or has coro<V> aenter() (v is what it gives) and
///          coro<bool> aexit(std::exception_ptr), whose true swallows the body's error. A named `x` is used where it is; a
///          temporary lives until the end. The body captures nothing, or `[&]` when awaited right here.
/// Throws:  what the body or the way out throws.   Like: async with.
template <class X, class F>
auto with(X&& x, F body) {
  using kept = std::conditional_t<std::is_lvalue_reference_v<X>, X, std::remove_cvref_t<X>>;
  if constexpr (detail::async_context<std::remove_reference_t<X>>) {
    return detail::with_context<kept, F>(std::forward<X>(x), std::move(body));
  } else {
    static_assert(detail::acquirable<std::remove_reference_t<X>>,
                  "with() takes a lock, a semaphore, or a class with aenter() and aexit()");
    return detail::with_held<kept, F>(std::forward<X>(x), std::move(body));
  }
}

/// A scope made of an async generator: before its only co_yield is the way in, after it the way out.
template <class T>
class async_generator_context {
 public:
  explicit async_generator_context(async_generator<T> body) noexcept : body_(std::move(body)) {}

  coro<T> aenter() {
    std::optional<T> value = co_await body_.next();
    if (!value) throw error("generator didn't yield");
    co_return std::move(*value);
  }

  /// The body's error arises at the co_yield; the generator swallows it by ending normally.
  coro<bool> aexit(std::exception_ptr error) {
    std::optional<T> more;
    if (error == nullptr) {
      more = co_await body_.next();
    } else {
      more = co_await body_.athrow(error);
    }
    if (more) throw gyre::error("generator didn't stop");
    co_return error != nullptr;
  }

 private:
  async_generator<T> body_;
};

/// Makes `f`, which returns an async_generator, a function that gives scopes for with().
///
/// Like:    contextlib.asynccontextmanager.
template <class F>
auto async_context_manager(F f) {
  return [f = std::move(f)](auto&&... args) {
    auto body = f(std::forward<decltype(args)>(args)...);
    using T = typename decltype(body)::value_type;
    return async_generator_context<T>(std::move(body));
  };
}

/// A scope made of a plain generator, for with_sync().
template <class T>
class generator_context {
 public:
  explicit generator_context(generator<T> body) noexcept : body_(std::move(body)) {}

  T enter() {
    std::optional<T> value = body_.next();
    if (!value) throw error("generator didn't yield");
    return std::move(*value);
  }
  bool exit(std::exception_ptr error) {
    const bool failed = error != nullptr;
    const std::optional<T> more = failed ? body_.throw_in(std::move(error)) : body_.next();
    if (more) throw gyre::error("generator didn't stop");
    return failed;
  }

 private:
  generator<T> body_;
};

/// The same for generator<T> and with_sync().   Like: contextlib.contextmanager.
template <class F>
auto context_manager(F f) {
  return [f = std::move(f)](auto&&... args) { return generator_context(f(std::forward<decltype(args)>(args)...)); };
}

/// Enters `scope`, calls `body(v)`, and leaves it whichever way the body ends.   Like: with.
template <class Scope, class F>
auto with_sync(Scope&& scope, F&& body) {
  auto value = scope.enter();
  using R = std::invoke_result_t<F&, decltype(value)&>;
  detail::kept_outcome<R> outcome;
  try {
    if constexpr (std::is_void_v<R>) {
      body(value);
    } else {
      outcome.keep(body(value));
    }
  } catch (...) {
    outcome.keep_error();
  }
  const bool swallowed = scope.exit(outcome.error());
  return outcome.get(outcome.error() != nullptr && swallowed);
}

}  // namespace gyre
