// SPDX-License-Identifier: BSL-1.0
#pragma once
// future<T>: a result that somebody sets once, from any thread, and tasks of any loop await.  Layer: core.
// Bodies: lib/core/future.cpp
#include <gyre/base/text.hpp>
#include <gyre/base/unique_function.hpp>
#include <gyre/core/context.hpp>
#include <gyre/core/future_awaiter.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace gyre {

class event_loop;
template <class T = void>
class future;
template <class T>
class task;

namespace detail {

/// Queues a callback for when `core` is done, on the future's loop. Returns the id for removal.
std::uint64_t add_callback(future_core& core, unique_function<void(future_core&)> callback,
                           const context* in = nullptr);
std::size_t remove_callback(future_core& core, std::uint64_t id) noexcept;
[[noreturn]] void throw_no_state(const char* call);
[[noreturn]] void throw_result_set(const future_core& core);
[[nodiscard]] event_loop& loop_of(const future_core& core);

/// What future, task and gathering_future have in common: a shared handle to one result.
///
/// Thread:  any.   Life: the handles share the state; a task goes on without them.
template <class T, class Self>
class basic_future {
 public:
  using value_type = T;

  /// True once there is a value, an error or a cancellation; then it stays true, and result() is safe to read.
  [[nodiscard]] bool done() const { return core("done").done(); }
  /// True if it ended with cancelled_error.
  [[nodiscard]] bool cancelled() const { return core("cancelled").outcome() == future_core::status::cancelled; }

  /// The value.   Throws: what it ended with; invalid_state_error while it is pending or when the value was moved out.
  decltype(auto) result() const {
    core("result").check_result();
    auto& slot = static_cast<result_slot<T>&>(core_->slot());
    if (!slot.has_value) throw_moved_out();
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*slot.value());
    } else {
      return std::as_const(slot.value());
    }
  }

  /// The error, null if it ended with a value.   Throws: cancelled_error if cancelled, invalid_state_error while pending.
  [[nodiscard]] std::exception_ptr exception() const { return core("exception").exception(); }

  /// Asks for its end. A future is cancelled at once; a task gets cancelled_error at its next suspension. False if done.
  bool cancel(std::string_view message = {}) const { return cancel_by_user(core("cancel"), message); }

  /// Calls `f(handle)` on the future's loop once it is done, never inside this call or set_result(). It runs in a copy of
  /// the current context, or in `in`.
  ///
  /// Returns: an id for remove_done_callback.   Thread: any.   Like: Future.add_done_callback.
  template <class F>
    requires std::is_invocable_v<F&, Self&>
  std::uint64_t add_done_callback(F f) const {
    return add_callback(core("add_done_callback"), with_handle(std::move(f)));
  }
  template <class F>
    requires std::is_invocable_v<F&, Self&>
  std::uint64_t add_done_callback(F f, const context& in) const {
    return add_callback(core("add_done_callback"), with_handle(std::move(f)), &in);
  }

  /// The loop on which its callbacks run; for a task, the loop that it wakes on.
  ///
  /// Throws:  loop_closed if that is closed or gone; no_running_loop if there never was one.
  [[nodiscard]] event_loop& get_loop() const { return loop_of(core("get_loop")); }

  /// Takes back the callbacks added under `id`; returns how many that were.
  std::size_t remove_done_callback(std::uint64_t id) const noexcept { return core_ ? remove_callback(*core_, id) : 0; }

  void append_text(std::string& out) const { core("to_string").append_text(out); }

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(core_); }
  /// Whether both are handles of the same future, or both empty.
  template <class U, class Other>
  friend bool operator==(const basic_future& a, const basic_future<U, Other>& b) noexcept {
    return a.shared_state() == b.shared_state();
  }

  /// Awaits the result. A named handle leaves the value where it is and copies it; the last handle moves it out.
  future_awaiter<T, false> operator co_await() const& { return future_awaiter<T, false>(core("co_await")); }
  future_awaiter<T, true> operator co_await() && {
    static_cast<void>(core("co_await"));
    return future_awaiter<T, true>(std::move(core_));
  }

  /// The shared state, for gyre's own parts.
  [[nodiscard]] future_core& core(const char* call) const {
    if (!core_) [[unlikely]]
      throw_no_state(call);
    return *core_;
  }
  [[nodiscard]] core_ref<future_core> shared(const char* call) const {
    return core_ref<future_core>::share(core(call));
  }
  [[nodiscard]] const future_core* shared_state() const noexcept { return core_.get(); }

 private:
  template <class F>
  static auto with_handle(F f) {
    return [kept = std::move(f)](future_core& done) mutable {
      Self handle(core_ref<future_core>::share(done));
      kept(handle);
    };
  }

 protected:
  basic_future() noexcept = default;
  explicit basic_future(core_ref<future_core> core) noexcept : core_(std::move(core)) {}

  core_ref<future_core> core_;
};

/// The result of a done future for a caller who will not ask again: moved out if it cannot be copied.
template <class T, class Self>
T take_result(const basic_future<T, Self>& f) {
  if constexpr (std::is_void_v<T> || std::is_reference_v<T> || is_copyable<T>) {
    return f.result();
  } else {
    f.result();
    return std::move(static_cast<result_slot<T>&>(f.core("result").slot()).value());
  }
}

/// A future of no task: in debug mode it tells where it was made.
class plain_future : public future_core {
 protected:
  plain_future(home* owner, result_base& result_room, const std::source_location& made_at) noexcept
      : future_core(owner, result_room) {
    if (owner != nullptr && owner->in_debug_mode()) [[unlikely]]
      created_ = made_at;
  }
  void append_creation(std::string& out) const override;
  void append_origin(std::string& out) const override;

 private:
  std::source_location created_;
};

/// With room for the result.
template <class T>
class future_state final : public plain_future {
 public:
  explicit future_state(home* owner, const std::source_location& made_at = {}) noexcept
      : plain_future(owner, result, made_at) {}

  void append_result(std::string& out) const override { append_value(out, result.value()); }

  result_slot<T> result;
};

/// The loop that runs on this thread; throws no_running_loop naming `call`.
[[nodiscard]] home& running_home(const char* call);
/// The same, or else the loop that is set for this thread.   Body: lib/loop/event_loop.cpp
[[nodiscard]] home& running_or_set_home(const char* call);

}  // namespace detail

/// A result set by hand.   Like: asyncio.Future.
///
/// Thread:  any, for every member: exactly one of several set_* and cancel() calls that race succeeds.
template <class T>
class future : public detail::basic_future<T, future<T>> {
  using base = detail::basic_future<T, future<T>>;

 public:
  /// A pending future of the running loop, else of the one set for this thread.   Throws: no_running_loop.
  future(std::source_location here = std::source_location::current())  // NOLINT: the default constructor
      : future(detail::running_or_set_home("future()"), here) {}
  /// The same of `loop`, as loop.create_future<T>() gives it.
  explicit future(event_loop& loop, std::source_location here = std::source_location::current())
      : future(detail::home_of(loop), here) {}
  /// An empty handle.
  explicit future(std::nullptr_t) noexcept {}
  explicit future(detail::home& owner, std::source_location here = std::source_location::current())
      : base(detail::core_ref<detail::future_core>(new detail::future_state<T>(&owner, here))) {}
  explicit future(detail::core_ref<detail::future_core> core) noexcept : base(std::move(core)) {}

  /// Ends it with a value.   Throws: invalid_state_error if it is done; then nothing has changed.
  template <class... Args>
  void set_result(Args&&... args) const {
    detail::future_core& core = this->core("set_result");
    if (!core.reserve()) detail::throw_result_set(core);
    auto& slot = static_cast<detail::result_slot<T>&>(core.slot());
    try {
      if constexpr (std::is_reference_v<T>) {
        slot.emplace(std::addressof(args)...);
      } else {
        slot.emplace(std::forward<Args>(args)...);
      }
    } catch (...) {
      slot.error = std::current_exception();
    }
    core.complete_from_anywhere();
  }

  /// Ends it with an error; only cancel() makes it cancelled.   Throws: invalid_state_error if it is done.
  void set_exception(std::exception_ptr error) const {
    detail::future_core& core = this->core("set_exception");
    if (error == nullptr && !core.done()) throw value_error("future::set_exception: the exception is null");
    if (!core.reserve()) detail::throw_result_set(core);
    core.slot().error = std::move(error);
    core.fail_from_anywhere();
  }
  template <class E>
    requires(!std::convertible_to<E, std::exception_ptr>)
  void set_exception(E&& error) const {
    set_exception(std::make_exception_ptr(std::forward<E>(error)));
  }
};

/// A future or task of any result type.   Thread: any, for every member.
class any_future : public detail::basic_future<unit, any_future> {
  using base = detail::basic_future<unit, any_future>;

 public:
  any_future() noexcept = default;
  explicit any_future(detail::core_ref<detail::future_core> core) noexcept : base(std::move(core)) {}
  template <class T, class Self>
  any_future(const detail::basic_future<T, Self>& typed) : base(typed.shared("any_future")) {}  // NOLINT: each is one

  void result() const = delete;  // the type is gone: keep the future<T>
  void operator co_await() const = delete;
};

/// The text that Python's repr() gives.
template <class F>
  requires requires(const F& f, std::string& out) { f.append_text(out); }
[[nodiscard]] std::string to_string(const F& f) {
  std::string out;
  f.append_text(out);
  return out;
}

/// For any stream that takes characters: <ostream> is the caller's to include.
template <class Stream, class F>
  requires requires(const F& f, std::string& text, Stream& out) {
    f.append_text(text);
    out.write(text.data(), 1);
  }
Stream& operator<<(Stream& out, const F& f) {
  const std::string text = to_string(f);
  out.write(text.data(), static_cast<std::ptrdiff_t>(text.size()));
  return out;
}

}  // namespace gyre
