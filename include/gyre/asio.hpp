// SPDX-License-Identifier: BSL-1.0
#pragma once
// Boost.Asio operations in gyre tasks: the completion token use_gyre, a loop's io_context and executor. Includes
// Asio, as do io/write_now and testing/network.  Layer: io.  Bodies: lib/io/op.cpp, asio.cpp
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/frame_pool.hpp>
#include <gyre/io/op.hpp>
#include <gyre/io/write_now.hpp>
#include <gyre/loop/event_loop.hpp>

#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace gyre {

/// Completion token: `std::size_t n = co_await socket.async_read_some(buffer, gyre::use_gyre);`
///
/// Shape:   gives what the handler would get without its error code: nothing, one value or a tuple.
/// Cancel:  cancels the operation and waits for its end.
/// Throws:  boost::system::system_error; cancelled_error; what an exception_ptr of the handler holds.
/// Thread:  any task that may use the Asio object: one task at a time, or tasks pinned to one loop.
/// Cost:    memory from the frame pool only; nothing calls malloc in the steady state.
struct use_gyre_t {
  explicit constexpr use_gyre_t() = default;
};
inline constexpr use_gyre_t use_gyre{};

/// The io_context of a loop, to make sockets, acceptors and timers on. From then on the loop polls it while it is busy.
///
/// Do not run it yourself. A stealable task goes on, after each operation that it waited for, on the loop of the object's
/// io_context.
[[nodiscard]] boost::asio::io_context& native_context(event_loop& loop = get_running_loop());

namespace detail {

/// The loop of an io_context made by gyre; null for a foreign one.
[[nodiscard]] loop_core* loop_of_context(boost::asio::execution_context& context) noexcept;
[[nodiscard]] loop_core& running_core() noexcept;
/// Calls `f` on the loop's thread: at once if this is it, else in its next turn.
void run_on_loop(loop_core& loop, unique_function<void()> f);
[[nodiscard]] bool is_loop_thread(const loop_core& loop) noexcept;

/// Cancellation signals keep the memory that Asio once allocated in them: they are used again.
[[nodiscard]] boost::asio::cancellation_signal* take_signal();
void give_signal(boost::asio::cancellation_signal* signal) noexcept;

}  // namespace detail

/// Runs functions where a task's handlers run: for a pinned task on its loop's thread, else where the completion is found.
///
/// Like:    an Asio executor; the associated executor of operations that take use_gyre.
class loop_executor {
 public:
  loop_executor(detail::loop_core& loop, bool pinned) noexcept : loop_(&loop), pinned_(pinned) {}

  /// The same, but never inside execute(): what Asio's post() asks for.
  [[nodiscard]] loop_executor require(boost::asio::execution::blocking_t::never_t) const noexcept {
    loop_executor later = *this;
    later.never_inside_ = true;
    return later;
  }

  template <class F>
  void execute(F&& f) const {
    if (!never_inside_ && (!pinned_ || detail::is_loop_thread(*loop_))) {
      std::decay_t<F> now(std::forward<F>(f));
      now();
    } else {
      detail::run_on_loop(*loop_, unique_function<void()>(std::forward<F>(f)));
    }
  }
  friend bool operator==(const loop_executor& a, const loop_executor& b) noexcept {
    return a.loop_ == b.loop_ && a.pinned_ == b.pinned_ && a.never_inside_ == b.never_inside_;
  }

 private:
  detail::loop_core* loop_;
  bool pinned_;
  bool never_inside_ = false;
};

/// The executor of a loop: what is executed runs as one of its callbacks.
[[nodiscard]] inline loop_executor get_executor(event_loop& loop) noexcept { return loop_executor(loop.core(), true); }

namespace detail {

/// How the handler's arguments become the result of co_await.
template <class... Args>
struct op_result {
  using type = std::tuple<std::decay_t<Args>...>;
  static type get(type&& all) { return std::move(all); }
};
template <>
struct op_result<> {
  using type = void;
  static void get(std::tuple<>&&) noexcept {}
};
template <class T>
struct op_result<T> {
  using type = std::decay_t<T>;
  static type get(std::tuple<type>&& one) { return std::get<0>(std::move(one)); }
};

template <class... Args>
struct op_outcome {
  using value = op_result<Args...>;
  void fail(const boost::system::error_code&) noexcept {}
  void check() const {}
};
template <class... Args>
struct op_outcome<boost::system::error_code, Args...> {
  using value = op_result<Args...>;
  boost::system::error_code error;
  void check() const {
    if (error) throw boost::system::system_error(error);
  }
};
template <class... Args>
struct op_outcome<std::exception_ptr, Args...> {
  using value = op_result<Args...>;
  std::exception_ptr error;
  void check() const {
    if (error != nullptr) std::rethrow_exception(error);
  }
};

template <class... Args>
struct op_values {
  using type = std::tuple<std::decay_t<Args>...>;
};
template <class... Args>
struct op_values<boost::system::error_code, Args...> : op_values<Args...> {};
template <class... Args>
struct op_values<std::exception_ptr, Args...> : op_values<Args...> {};

/// The context of the object that an operation belongs to: from the initiation, or from its first argument.
template <class Initiation, class... Args>
boost::asio::execution_context* context_of(const Initiation& initiation, const Args&... args) {
  if constexpr (requires { initiation.get_executor(); }) {
    return &boost::asio::query(initiation.get_executor(), boost::asio::execution::context);
  } else {
    boost::asio::execution_context* found = nullptr;
    const auto look = [&found](const auto& arg) {
      if constexpr (requires { arg->get_executor(); }) {
        if (found == nullptr) found = &boost::asio::query(arg->get_executor(), boost::asio::execution::context);
      }
    };
    (look(args), ...);
    return found;
  }
}

/// One operation: initiated when it is awaited.
template <class Initiation, class Signature, class... InitArgs>
class io_operation;

template <class Initiation, class... Args, class... InitArgs>
class [[nodiscard]] io_operation<Initiation, void(Args...), InitArgs...> final : public awaiter_base, public io_wait {
  using outcome_type = op_outcome<std::decay_t<Args>...>;
  using values_type = typename op_values<std::decay_t<Args>...>::type;

 public:
  template <class I, class... Given>
  explicit io_operation(std::in_place_t, I&& initiation, Given&&... args)
      : initiation_(std::forward<I>(initiation)), arguments_(std::forward<Given>(args)...) {}
  io_operation(const io_operation&) = delete;
  io_operation& operator=(const io_operation&) = delete;
  ~io_operation() {
    if (signal_ != nullptr) give_signal(signal_);
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) {
    task_core& t = *at.promise().task;
    here_ = &running_core();
    context_ = std::apply([this](const auto&... args) { return context_of(initiation_, args...); }, arguments_);
    signal_ = take_signal();
    begin(t, at);
    try {
      std::apply([this](auto&&... args) { std::move(initiation_)(handler(*this), std::move(args)...); },
                 std::move(arguments_));
    } catch (...) {
      abort();
      throw;
    }
    return ended_at_once_ ? step_back() : park();
  }

  auto await_resume() {
    finish();
    outcome_.check();
    return outcome_type::value::get(std::move(*values_));
  }

 private:
  class handler {
   public:
    using executor_type = loop_executor;
    using allocator_type = pool_allocator<std::byte>;
    using cancellation_slot_type = boost::asio::cancellation_slot;

    explicit handler(io_operation& op) noexcept : op_(&op) {}

    // See io/write_now.hpp.
    static constexpr bool may_end_at_once = std::is_same_v<values_type, std::tuple<std::size_t>>;
    [[nodiscard]] bool admits_end_at_once() const noexcept { return op_->admits_end_at_once(); }
    void note_transferred(std::size_t bytes) const noexcept { op_->transferred_ = bytes; }
    void end_at_once() const noexcept {
      op_->values_.emplace(op_->transferred_);
      op_->ended_at_once_ = true;
    }

    [[nodiscard]] executor_type get_executor() const noexcept {
      return loop_executor(*op_->here_, op_->task().state.is_pinned());
    }
    [[nodiscard]] allocator_type get_allocator() const noexcept { return {}; }
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return op_->signal_->slot(); }

    void operator()(Args... args) {
      op_->store(std::move(args)...);
      op_->handler_ran();
    }

   private:
    io_operation* op_;
  };

  template <class First, class... Rest>
  void store(First&& first, Rest&&... rest) {
    if constexpr (requires { outcome_.error; }) {
      outcome_.error = std::forward<First>(first);
      values_.emplace(std::forward<Rest>(rest)...);
      if constexpr (handler::may_end_at_once) std::get<0>(*values_) += transferred_;
    } else {
      values_.emplace(std::forward<First>(first), std::forward<Rest>(rest)...);
    }
  }
  void store() { values_.emplace(); }

  void emit_cancel() noexcept override { signal_->emit(boost::asio::cancellation_type::terminal); }
  [[nodiscard]] loop_core& reactor_loop() noexcept override {
    loop_core* found = context_ == nullptr ? nullptr : loop_of_context(*context_);
    return found == nullptr ? *here_ : *found;
  }

  Initiation initiation_;
  std::tuple<InitArgs...> arguments_;
  loop_core* here_ = nullptr;
  boost::asio::execution_context* context_ = nullptr;
  boost::asio::cancellation_signal* signal_ = nullptr;
  outcome_type outcome_;
  std::optional<values_type> values_;
  std::size_t transferred_ = 0;  // before Asio began
  bool ended_at_once_ = false;
};

/// What initiating with use_gyre returns: awaited once, in the full expression or by a named object.
template <class Operation, class... Parts>
class [[nodiscard]] io_request {
 public:
  template <class... Given>
  explicit io_request(std::in_place_t, Given&&... parts) : parts_(std::forward<Given>(parts)...) {}
  Operation operator co_await() && {
    return std::apply([](auto&&... parts) { return Operation(std::in_place, std::move(parts)...); }, std::move(parts_));
  }

 private:
  std::tuple<Parts...> parts_;
};

}  // namespace detail
}  // namespace gyre

template <class Signature>
class boost::asio::async_result<gyre::use_gyre_t, Signature> {
 public:
  template <class Initiation, class... InitArgs>
  static auto initiate(Initiation&& initiation, gyre::use_gyre_t, InitArgs&&... args) {
    using operation = gyre::detail::io_operation<std::decay_t<Initiation>, Signature, std::decay_t<InitArgs>...>;
    return gyre::detail::io_request<operation, std::decay_t<Initiation>, std::decay_t<InitArgs>...>(
        std::in_place, std::forward<Initiation>(initiation), std::forward<InitArgs>(args)...);
  }
};
