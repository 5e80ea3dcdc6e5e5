// SPDX-License-Identifier: BSL-1.0
#pragma once
inline thread_local int current = 0;  // bad: thread_local

struct awaiter {
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) { return park(waiting); }
  void await_resume();
  void unhandled_exception() { std::terminate(); }  // bad: R8
};
struct fine_awaiter {
  bool await_suspend(std::coroutine_handle<> waiting) noexcept { return inner.await_suspend(waiting); }
  auto await_suspend(std::coroutine_handle<> waiting) const noexcept -> std::coroutine_handle<>;
  std::suspend_always initial_suspend();  // bad: R8
};
inline auto started = std::chrono::steady_clock::now();  // bad: clock
