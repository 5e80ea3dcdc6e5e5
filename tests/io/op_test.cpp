// SPDX-License-Identifier: BSL-1.0
// An operation that the test itself ends: in which order its end, a cancel, and the message that carries the cancel come.
#include "loop_test.hpp"

#include <gyre/io/op.hpp>

#include <loop/loop_core.hpp>

#include <atomic>
#include <coroutine>
#include <memory>
#include <thread>
#include <utility>

using namespace gyre;
using namespace gyre_test;

namespace {

class manual_operation final : public detail::io_wait {
 public:
  /// When it ends by itself: not at all, while its task is on the way to cancel it, or when it is cancelled.
  enum class end_at { never, before_cancel, cancel };

  explicit manual_operation(event_loop& where, end_at when = end_at::never) : where_(where.core()), when_(when) {}

  void end() noexcept { handler_ran(); }
  [[nodiscard]] int cancels() const noexcept { return cancels_; }

  class [[nodiscard]] started : public detail::awaiter_base {
   public:
    explicit started(manual_operation& op) noexcept : op_(&op) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
      op_->begin(*at.promise().task, at);
      return op_->park();
    }
    void await_resume() { op_->finish(); }

   private:
    manual_operation* op_;
  };

 private:
  void emit_cancel() noexcept override {
    ++cancels_;
    if (when_ == end_at::cancel) handler_ran();
  }
  detail::loop_core& reactor_loop() noexcept override {
    if (when_ == end_at::before_cancel && !std::exchange(ended_, true)) handler_ran();
    return where_;
  }

  detail::loop_core& where_;
  end_at when_;
  bool ended_ = false;
  std::atomic<int> cancels_{0};
};

coro<> await_operation(manual_operation& op) { co_await manual_operation::started(op); }

/// A task that waits for the operation, and is cancelled.
coro<task<>> cancelled_wait_for(manual_operation& op) {
  const task<> t = create_task(await_operation(op));
  co_await settle();
  t.cancel();
  co_await settle();
  co_return t;
}

coro<> await_both(manual_operation& first, manual_operation& second) {
  try {
    co_await manual_operation::started(first);
  } catch (const cancelled_error&) {
  }
  co_await manual_operation::started(second);
}

void take_turn(event_loop& loop) {
  std::thread([&loop] {
    loop.stop();
    loop.run_forever();
  }).join();
}

}  // namespace

TEST_CASE("io: a cancel is not sent to an operation that ends just then", "[io][cancel]") {
  const auto main = []() -> coro<> {
    manual_operation op(get_running_loop(), manual_operation::end_at::before_cancel);
    const task<> t = co_await cancelled_wait_for(op);
    CHECK(t.cancelled());
    CHECK(op.cancels() == 0);
  };
  run(main(), one_loop());
}

TEST_CASE("io: no message goes to the loop of an operation that ends just then", "[io][cancel]") {
  const auto main = []() -> coro<> {
    const auto other = new_event_loop();
    manual_operation op(*other, manual_operation::end_at::before_cancel);
    const task<> t = co_await cancelled_wait_for(op);
    CHECK(t.cancelled());
    take_turn(*other);
    CHECK(other->core().messages == 0);
    CHECK(op.cancels() == 0);
  };
  run(main(), one_loop());
}

TEST_CASE("io: an operation that ends as it is cancelled leaves nothing to the task's next wait", "[io][cancel]") {
  const auto main = []() -> coro<> {
    manual_operation first(get_running_loop(), manual_operation::end_at::cancel);
    manual_operation second(get_running_loop());
    const task<> t = create_task(await_both(first, second));
    co_await settle();
    t.cancel();
    co_await settle();
    CHECK(first.cancels() == 1);
    CHECK_FALSE(t.done());
    second.end();
    co_await settle();
    CHECK(t.done());
  };
  run(main(), one_loop());
}

TEST_CASE("io: a task goes on when its operation has ended and the message with its cancel has come", "[io][cancel]") {
  const auto main = []() -> coro<> {
    const auto other = new_event_loop();
    manual_operation op(*other);
    const task<> t = co_await cancelled_wait_for(op);
    op.end();
    co_await settle();
    CHECK_FALSE(t.done());  // the message is on its way
    take_turn(*other);
    co_await settle();
    CHECK(t.cancelled());
    CHECK(op.cancels() == 0);  // it had ended before
  };
  run(main(), one_loop());
}

TEST_CASE("io: a cancel from another loop reaches the operation, whose end then ends the wait", "[io][cancel]") {
  const auto main = []() -> coro<> {
    const auto other = new_event_loop();
    manual_operation op(*other);
    const task<> t = co_await cancelled_wait_for(op);
    take_turn(*other);
    co_await settle();
    CHECK(op.cancels() == 1);
    CHECK_FALSE(t.done());
    op.end();
    co_await settle();
    CHECK(t.cancelled());
  };
  run(main(), one_loop());
}
