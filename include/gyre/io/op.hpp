// SPDX-License-Identifier: BSL-1.0
#pragma once
// An Asio operation that a task waits for, without Asio: who waits, how it ends, how it is cancelled.  Layer: io.
// Bodies: lib/io/op.cpp
#include <gyre/core/future_core.hpp>
#include <gyre/core/task_core.hpp>
#include <gyre/io/open_parts.hpp>

namespace gyre {
class event_loop;
}

namespace gyre::detail {

class loop_core;

/// Lives in the awaiting frame; the operation's handler points to it.
///
/// The frame must not go before the operation has ended, so a cancel does not end this wait: it resumes the task for a
/// moment (resume_check), which asks Asio to cancel and parks again, deaf this time, until the handler has run.
///
///   parts_   what still has to happen before the task may go on: the handler, and the message that carries the cancel to
///            the reactor's loop if that is not this one. Whoever ends the last wakes the task; that is the last touch.
///   Asio's cancellation state is not thread-safe: it is only touched by who is inside the io_context's lock.
class io_wait : public resume_check, public runnable {
 public:
  io_wait(const io_wait&) = delete;
  io_wait& operator=(const io_wait&) = delete;

  bool may_resume(task_core& t) noexcept final;
  [[nodiscard]] const char* lost() const noexcept final {
    return parts_.any() ? nullptr : "waits for an operation that has ended";
  }

 protected:
  io_wait() noexcept : runnable(&emit_in_turn) {}
  ~io_wait() = default;

  /// Before the operation is initiated: the running task is to wait.
  void begin(task_core& t, std::coroutine_handle<> at) noexcept;
  /// After: parks. False if the operation has ended already.
  [[nodiscard]] bool park() noexcept;
  /// Instead, if it has ended inside its initiation: whether the task goes on behind those who are ready here.
  [[nodiscard]] bool step_back() noexcept;
  /// The initiation threw: nothing is under way.
  void abort() noexcept { task_->check = nullptr; }
  /// Whether the operation may end inside its initiation: no cancel waits for this await, and the task has not gone on so
  /// too often in this step already (C8).
  [[nodiscard]] bool admits_end_at_once() const noexcept;
  /// In the handler: the results are stored. Nothing may be touched afterwards.
  void handler_ran() noexcept;
  /// In the resumed task.
  void finish();

  /// Asks Asio to cancel the operation; inside the io_context's lock.
  virtual void emit_cancel() noexcept = 0;
  /// The loop in whose reactor the operation is.
  [[nodiscard]] virtual loop_core& reactor_loop() noexcept = 0;

  [[nodiscard]] task_core& task() const noexcept { return *task_; }

 private:
  static void emit_in_turn(runnable& r, fate f) noexcept;
  bool cancel_and_park() noexcept;
  void send_cancel() noexcept;
  void part_done() noexcept;

  task_core* task_ = nullptr;
  bool cancelling_ = false;
  basic_open_parts<> parts_;
};

}  // namespace gyre::detail
