// SPDX-License-Identifier: BSL-1.0
#pragma once
// Coroutines outside any task, which scopes refuse.
#include <gyre/core/coro.hpp>

#include <coroutine>
#include <exception>

namespace gyre_test {

/// Runs a coroutine by hand, outside any task.
template <class T>
std::exception_ptr error_without_task(gyre::coro<T> body) {
  const auto frame = body.consume("a test");
  gyre::detail::result_slot<T> result;
  frame.promise().slot = &result;
  frame.promise().continuation = std::noop_coroutine();
  gyre::detail::resume_chain(frame);
  frame.destroy();
  return result.error;
}

}  // namespace gyre_test
