// SPDX-License-Identifier: BSL-1.0
#pragma once
// blocking_future<T>: a result for a thread that is no loop, which may block for it.  Layer: core.
// Bodies: lib/core/blocking_future.cpp; block_until_done in lib/runtime/threadsafe.cpp
#include <gyre/base/time_span.hpp>
#include <gyre/core/offload_executor.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace gyre {

namespace detail {

/// Blocks the calling thread until `awaited` is done.
///
/// Throws:  timeout_error; would_deadlock, naming loop and task, when the thread runs a loop; loop_closed if the loop was
///          closed before the end.
void block_until_done(future_core& awaited, std::optional<std::chrono::nanoseconds> timeout, const char* call);

/// Calls `callback` once: on the loop of `core` when that is done, or at once where there is no loop to do it.
void add_blocking_callback(future_core& core, unique_function<void(future_core&)> callback);

void append_blocking_text(std::string& out, const future_core& core, const std::type_info& result);

/// The value of a slot for one more taker: copied, or, if it can only be moved, moved out for the first.
///
/// Thread:  any number of takers at once.   Throws: invalid_state_error when it was moved out.
template <class T>
T take_shared(result_slot<T>& slot) {
  if constexpr (std::is_void_v<T>) {
    return;
  } else if constexpr (std::is_reference_v<T>) {
    return static_cast<T>(*slot.value());
  } else if constexpr (is_copyable<T>) {
    if (!slot.has_value) throw_moved_out();
    return slot.value();
  } else {
    // Relaxed: it decides who is first. The value was seen with the end, and who frees the slot comes after all references.
    if (!std::atomic_ref(slot.has_value).exchange(false, std::memory_order_relaxed)) throw_moved_out();
    struct destroyer {
      explicit destroyer(result_slot<T>& emptied) noexcept : slot(emptied) {}
      destroyer(const destroyer&) = delete;
      destroyer& operator=(const destroyer&) = delete;
      ~destroyer() { std::destroy_at(&slot.value()); }
      result_slot<T>& slot;
    };
    const destroyer at_end(slot);
    return std::move(slot.value());
  }
}

}  // namespace detail

/// The result of what runs elsewhere, on a loop or in an executor, for a thread that may block.
///
/// Thread:  any, for every member; result() and exception() refuse to block a loop's own thread.
/// Life:    the handles share the result; what runs goes on without them.   Like: concurrent.futures.Future.
template <class T>
class blocking_future {
 public:
  explicit blocking_future(detail::core_ref<detail::future_core> core) noexcept : core_(std::move(core)) {}

  /// Blocks until the end, and gives the value. One that can only be moved is given once.
  ///
  /// Throws:  what it ended with; timeout_error (it runs on); would_deadlock on a loop's thread; loop_closed if its loop was
  ///          closed before; invalid_state_error when the value was moved out before.
  T result(std::optional<time_span> timeout = std::nullopt) const {
    detail::block_until_done(*core_, timeout, "blocking_future::result");
    core_->check_result();
    return detail::take_shared<T>(static_cast<detail::result_slot<T>&>(core_->slot()));
  }
  /// Blocks until the end, and gives the error, null for a value.
  ///
  /// Throws:  cancelled_error if it was cancelled; timeout_error; would_deadlock; loop_closed.
  [[nodiscard]] std::exception_ptr exception(std::optional<time_span> timeout = std::nullopt) const {
    detail::block_until_done(*core_, timeout, "blocking_future::exception");
    return core_->exception();
  }

  /// Cancels the task behind it; a function of an executor that has not begun never runs, one that runs is left alone and
  /// its result dropped. False if it is done.
  bool cancel() const { return detail::cancel_by_user(*core_, {}); }
  /// True once result() does not block: there is an end, or its loop was closed before.
  [[nodiscard]] bool done() const noexcept { return core_->done() || core_->forsaken(); }
  [[nodiscard]] bool cancelled() const noexcept { return core_->outcome() == detail::future_core::status::cancelled; }

  /// Calls `f(handle)` once it is done: on the loop's thread for what runs on a loop, on the thread that ends it else, here
  /// if it is done already. What `f` throws is reported.
  template <class F>
    requires std::is_invocable_v<F&, blocking_future>
  void add_done_callback(F f) const {
    detail::add_blocking_callback(*core_, [kept = std::move(f)](detail::future_core& done) mutable {
      kept(blocking_future(detail::core_ref<detail::future_core>::share(done)));
    });
  }

  /// `<blocking_future at 0x7f.. state=finished returned int>`
  void append_text(std::string& out) const { detail::append_blocking_text(out, *core_, typeid(T)); }

  friend bool operator==(const blocking_future& a, const blocking_future& b) noexcept {
    return a.core_.get() == b.core_.get();
  }

  /// The shared state, for gyre's own parts.
  [[nodiscard]] detail::core_ref<detail::future_core> shared() const noexcept { return core_; }

 private:
  detail::core_ref<detail::future_core> core_;
};

template <class F, class... Args>
  requires detail::offloadable<F, Args...>
blocking_future<detail::offload_result<F, Args...>> offload_executor::submit(F&& fn, Args&&... args) {
  auto call = detail::make_offload("submit", std::forward<F>(fn), std::forward<Args>(args)...);
  execute(offload_work(call));
  return blocking_future<detail::offload_result<F, Args...>>(detail::core_ref<detail::future_core>(call.release()));
}

}  // namespace gyre
