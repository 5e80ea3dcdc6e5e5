// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a gather is before it is awaited, and what it offers then; gather_call.hpp includes it.  Layer: flow.
#include <gyre/core/future_awaiter.hpp>
#include <gyre/core/transfer.hpp>
#include <gyre/flow/fork_join.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace gyre {
class event_loop;
template <class R>
class gathering_future;
}  // namespace gyre

namespace gyre::detail {

/// The wait of a gather that is no fork-join. It is begun once, if at all.
template <class R>
class future_wait : public pooled {
  using awaiter = future_awaiter<R, true>;

 public:
  explicit future_wait(gathering_future<R> all) noexcept : future(std::move(all)) {}
  future_wait(const future_wait&) = delete;
  future_wait& operator=(const future_wait&) = delete;
  ~future_wait() = default;

  [[nodiscard]] std::coroutine_handle<> begin(std::coroutine_handle<> at) {
    awaiter_.emplace(future.shared("gather"));
    const auto typed = std::coroutine_handle<promise_base>::from_address(at.address());
    if (awaiter_->await_ready() || !awaiter_->await_suspend(typed)) return transfer(at);
    return std::noop_coroutine();
  }
  R end() { return awaiter_->await_resume(); }

  gathering_future<R> future;

 private:
  std::optional<awaiter> awaiter_;
};

/// What a gather that has not started yet offers: the first use as a future starts it.
template <class Self, class R>
class gather_starter : public awaiter_base {
 public:
  using value_type = R;

  gather_starter(const gather_starter&) = delete;
  gather_starter& operator=(const gather_starter&) = delete;

  /// Starts the children and gives the future of their results.
  const gathering_future<R>& start() {
    if (!started()) {
      wait_ = new future_wait<R>(static_cast<Self*>(this)->make());
      stage_ = stage::future;
    }
    return wait_->future;
  }
  operator gathering_future<R>() { return start(); }  // NOLINT: used as a future, it is one
  [[nodiscard]] bool done() { return start().done(); }
  [[nodiscard]] bool cancelled() { return start().cancelled(); }
  const R& result() { return start().result(); }
  [[nodiscard]] std::exception_ptr exception() { return start().exception(); }
  bool cancel(std::string_view message = {}) { return start().cancel(message); }
  template <class F, class... In>
  std::uint64_t add_done_callback(F f, const In&... in) {
    return start().add_done_callback(std::move(f), in...);
  }
  std::size_t remove_done_callback(std::uint64_t id) { return start().remove_done_callback(id); }
  [[nodiscard]] event_loop& get_loop() { return start().get_loop(); }
  void append_text(std::string& out) { start().append_text(out); }

 protected:
  /// What it is, in one byte, so that the end of a fork-join has one thing to look at.
  enum class stage : std::uint8_t {
    given,          // the arguments
    quick_joining,  // a fork-join that was started the short way: fork_; the arguments have been given up
    joining,        // another one: the same
    future,         // wait_, and the arguments
    over,           // nothing any more: a fork-join has ended
  };

  gather_starter() noexcept {}  // NOLINT: the pointer is there in two of the stages
  gather_starter(gather_starter&& other) noexcept : stage_(std::exchange(other.stage_, stage::given)) {
    if (stage_ == stage::future) wait_ = other.wait_;
  }
  ~gather_starter() = default;

  [[nodiscard]] bool started() const noexcept { return stage_ == stage::future; }
  [[nodiscard]] bool has_arguments() const noexcept { return stage_ == stage::given || stage_ == stage::future; }
  /// Before the arguments are destroyed, where there are some.
  GYRE_NOINLINE void drop() noexcept {
    if (stage_ == stage::quick_joining || stage_ == stage::joining) fork_->abandon();
    if (stage_ == stage::future) delete wait_;
  }
  GYRE_NOINLINE std::coroutine_handle<> wait_as_future(std::coroutine_handle<> at) {
    start();
    return wait_->begin(at);
  }

  stage stage_ = stage::given;
  union {
    fork_block* fork_;
    future_wait<R>* wait_;
  };
};

}  // namespace gyre::detail
