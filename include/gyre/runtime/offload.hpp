// SPDX-License-Identifier: BSL-1.0
#pragma once
// to_thread: a plain function on another thread, awaited.  Layer: runtime.  Bodies: lib/runtime/offload.cpp
#include <gyre/core/offload_executor.hpp>
#include <gyre/loop/event_loop.hpp>
#include <gyre/runtime/thread_pool.hpp>

#include <memory>

namespace gyre {

namespace detail {

/// The default executor of a loop's runtime, made at its first use.   Throws: error after its shutdown.
[[nodiscard]] std::shared_ptr<offload_executor> default_executor(loop_core& loop);

/// Starts the function of to_thread() for the task whose coroutine is `at`; that one's caller is named in reports.
void start_in_thread(const core_ref<offload_core>& call, std::coroutine_handle<> at);

/// Starts a function when it is awaited. Its end wakes the task at home.
template <class R>
class [[nodiscard]] offload_awaiter : public awaiter_base {
 public:
  explicit offload_awaiter(core_ref<offload_core> call) noexcept : call_(std::move(call)) {}
  offload_awaiter(const offload_awaiter&) = delete;
  offload_awaiter& operator=(const offload_awaiter&) = delete;
  ~offload_awaiter() {
    if (!node_.linked()) return;
    call_->remove(node_);  // the frame is destroyed in mid-wait
    call_->cancel({});
  }
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) {
    start_in_thread(call_, at);
    return suspend_on(*call_, node_, at);
  }
  R await_resume() {
    if (node_.task != nullptr) throw_if_cancelled(*node_.task, *call_);
    call_->check_result();
    return static_cast<result_slot<R>&>(call_->slot()).take();
  }

 private:
  core_ref<offload_core> call_;
  waiter_node node_;
};

template <class R>
coro<R> await_offload(core_ref<offload_core> call) {
  co_return co_await offload_awaiter<R>(std::move(call));
}

}  // namespace detail

/// Runs `fn(args...)` on a thread of the default pool and gives its result. Callable and arguments are copied or moved in;
/// the function sees a copy of the caller's context variables.
///
/// Cancel:  a function that has not begun never runs; one that runs goes on alone, its result is dropped.
/// Throws:  what `fn` throws; error when the pool was shut down.   Like: asyncio.to_thread.
template <class F, class... Args>
  requires detail::offloadable<F, Args...>
coro<detail::offload_result<F, Args...>> to_thread(F&& fn, Args&&... args) {
  auto call = detail::make_offload("to_thread", std::forward<F>(fn), std::forward<Args>(args)...);
  return detail::await_offload<detail::offload_result<F, Args...>>(std::move(call));
}

}  // namespace gyre
