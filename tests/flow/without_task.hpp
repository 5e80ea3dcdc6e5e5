// SPDX-License-Identifier: BSL-1.0
#pragma once
// Coroutines outside any task, which scopes refuse.
#include <gyre/core/coro.hpp>

#include <coroutine>
#include <exception>

namespace gyre_test {

/// The task of frames that are driven by hand. It never runs, so that no task is current.
class stand_in final : public gyre::detail::task_core {
 public:
  explicit stand_in(std::coroutine_handle<> frame) noexcept
      : task_core(none, frame, gyre::detail::task_bits::running) {}

 private:
  static constexpr gyre::detail::task_type none{};
};

/// Runs a coroutine by hand, outside any task.
template <class T>
std::exception_ptr error_without_task(gyre::coro<T> body) {
  const auto frame = body.consume("a test");
  gyre::detail::result_slot<T> result;
  stand_in task(frame);
  frame.promise().task = &task;
  frame.promise().slot = &result;
  frame.promise().continuation = std::noop_coroutine();
  gyre::detail::resume_chain(frame);
  frame.destroy();
  return result.error;
}

}  // namespace gyre_test
