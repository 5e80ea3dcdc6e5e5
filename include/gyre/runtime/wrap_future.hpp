// SPDX-License-Identifier: BSL-1.0
#pragma once
// wrap_future: results of other threads, awaited on a loop.  Layer: runtime.
#include <gyre/flow/ensure_future.hpp>
#include <gyre/loop/event_loop.hpp>
#include <gyre/runtime/detail/following.hpp>

#include <source_location>
#include <type_traits>
#include <utility>

namespace gyre {

namespace detail {

/// std::future, std::shared_future and what looks like them.
template <class F>
concept std_future_like = !future_handle<F> && requires(F& f) {
  f.wait();
  f.get();
  { f.valid() } -> std::convertible_to<bool>;
};

/// What get() gives; a shared future gives a reference to what it keeps, which is copied.
template <class F, class Got = decltype(std::declval<F&>().get())>
using std_future_result =
    std::conditional_t<std::is_const_v<std::remove_reference_t<Got>>, std::remove_cvref_t<Got>, Got>;

}  // namespace detail

/// A future of `loop` that ends as `source` does.
///
/// Cancel:  passed on to `source`; what comes of that later is dropped.
/// Throws:  no_running_loop, without a loop given, where none runs and none is set for this thread. The future fails with
///          loop_closed if the loop behind `source` closes before it ends.
/// Like:    asyncio.wrap_future.
template <class T>
[[nodiscard]] future<T> wrap_future(const blocking_future<T>& source, event_loop& loop) {
  detail::core_ref<detail::following<T>> made(new detail::following<T>(&detail::home_of(loop)));
  made->follow(source.shared());
  return future<T>(detail::core_ref<detail::future_core>(made.release()));
}
template <class T>
[[nodiscard]] future<T> wrap_future(const blocking_future<T>& source) {
  return wrap_future(source, get_event_loop());
}

/// A future or task, as it is.
template <class F>
  requires detail::future_handle<F>
[[nodiscard]] std::remove_cvref_t<F> wrap_future(F&& future) {
  return std::forward<F>(future);
}
template <class F>
  requires detail::future_handle<F>
[[nodiscard]] std::remove_cvref_t<F> wrap_future(F&& future, event_loop&) {
  return std::forward<F>(future);
}

/// The same for a std::future or std::shared_future, which a thread of the loop's default executor waits for.
///
/// Cancel:  the future ends at once; the thread waits on.
template <class F>
  requires detail::std_future_like<F>
[[nodiscard]] auto wrap_future(F source, event_loop& loop,
                               std::source_location here = std::source_location::current()) {
  const auto wait = [](F awaited) -> detail::std_future_result<F> { return awaited.get(); };
  return loop.run_in_executor(executor_ref(nullptr, here), wait, std::move(source));
}
template <class F>
  requires detail::std_future_like<F>
[[nodiscard]] auto wrap_future(F source, std::source_location here = std::source_location::current()) {
  return wrap_future(std::move(source), get_event_loop(), here);
}

}  // namespace gyre
