// SPDX-License-Identifier: BSL-1.0
#pragma once
// Plain functions on other threads: executors, run_in_executor, to_thread.  Layer: runtime.
// Bodies: lib/runtime/offload.cpp, thread_pool.cpp
#include <gyre/base/invoke.hpp>
#include <gyre/base/unique_function.hpp>
#include <gyre/loop/event_loop.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>

namespace gyre {

/// Runs functions somewhere else. thread_pool_executor is one; a user's own may be given to run_in_executor.
class offload_executor {
 public:
  virtual ~offload_executor() = default;

  /// Takes a function to run, once, on another thread.   Throws: error after shutdown(), std::bad_alloc.   Thread: any.
  virtual void submit(unique_function<void()> work) = 0;

  /// Takes no more work; waits for what was taken, until `deadline` at most. False if some did not end.
  virtual bool shutdown(std::chrono::steady_clock::time_point deadline) = 0;
};

/// Threads that appear under demand and leave when idle.
///
/// Thread:  any, for every member.
/// Life:    the destructor takes no more work and waits for what was taken, unless shutdown() has given that up.
/// Like:    concurrent.futures.ThreadPoolExecutor.
class thread_pool_executor final : public offload_executor {
 public:
  /// At most `max_threads` threads (0: usable cores + 4, at most 32); one without work for `idle_timeout` leaves.
  explicit thread_pool_executor(std::size_t max_threads = 0, std::string name = "gyre-pool",
                                std::chrono::milliseconds idle_timeout = std::chrono::seconds(10));
  thread_pool_executor(const thread_pool_executor&) = delete;
  thread_pool_executor& operator=(const thread_pool_executor&) = delete;
  ~thread_pool_executor() override;

  /// Queues `work`; starts a thread if all are busy and the bound allows it.
  ///
  /// Throws:  error after shutdown(); std::system_error if no thread at all can be started.
  void submit(unique_function<void()> work) override;
  bool shutdown(std::chrono::steady_clock::time_point deadline) override;

  [[nodiscard]] std::size_t thread_count() const;

 private:
  struct shared;
  std::shared_ptr<shared> state_;
};

namespace detail {

/// The default executor of the running loop's runtime, made at its first use.
[[nodiscard]] std::shared_ptr<offload_executor> default_executor_here();
[[nodiscard]] std::shared_ptr<offload_executor> default_executor(loop_core& loop);
/// Ends the default executor, if there is one. False if the deadline came first.
bool shutdown_default_executor(loop_core& loop, std::chrono::steady_clock::time_point deadline);
void set_default_executor(loop_core& loop, std::shared_ptr<offload_executor> executor);

/// A function under way and the task that waits for it; the function may outlive the wait.
class offload_state {
 public:
  offload_state() = default;
  offload_state(const offload_state&) = delete;
  offload_state& operator=(const offload_state&) = delete;
  virtual ~offload_state() = default;

  /// The function is to see the caller's context variables; what it sets stays in its copy.
  void carry_context() noexcept {
    carried_.copy_from(current_context());
    carries_ = true;
  }
  /// On the other thread: runs the function unless its task has gone, and wakes the task.
  void execute() noexcept;
  /// Parks the task, or queues it again if the function has ended already. True: it is suspended.
  bool wait(task_core& t, std::coroutine_handle<> at) noexcept;
  /// The task goes on. A function that has not begun will not.
  void detach() noexcept;
  [[nodiscard]] task_core* waiter() const noexcept { return waiter_; }

 protected:
  virtual void call() noexcept = 0;

 private:
  spin_lock lock_;
  bool begun_ = false;
  bool finished_ = false;
  bool detached_ = false;
  task_core* task_ = nullptr;    // parked, under lock_
  task_core* waiter_ = nullptr;  // the same for the task's own use
  context_slot carried_;
  bool carries_ = false;
};

template <class R, class F, class... Args>
class offload_call final : public offload_state {
 public:
  template <class G, class... Given>
  explicit offload_call(G&& fn, Given&&... given) : fn_(std::forward<G>(fn)), args_(std::forward<Given>(given)...) {}
  R take() { return result_.take(); }

 private:
  void call() noexcept override {
    try {
      if constexpr (std::is_void_v<R>) {
        std::apply([this](auto&... each) { call_any(std::move(fn_), std::forward<Args>(each)...); }, args_);
        result_.emplace();
      } else if constexpr (std::is_reference_v<R>) {
        R value = std::apply([this](auto&... each) -> R { return call_any(std::move(fn_), std::forward<Args>(each)...); }, args_);
        result_.emplace(std::addressof(value));
      } else {
        result_.emplace(
            std::apply([this](auto&... each) -> R { return call_any(std::move(fn_), std::forward<Args>(each)...); }, args_));
      }
    } catch (...) {
      result_.error = std::current_exception();
    }
  }
  F fn_;
  std::tuple<Args...> args_;
  result_slot<R> result_;
};

template <class R, class Call>
class [[nodiscard]] offload_awaiter : public awaiter_base {
 public:
  explicit offload_awaiter(std::shared_ptr<Call> call) noexcept : call_(std::move(call)) {}
  offload_awaiter(const offload_awaiter&) = delete;
  offload_awaiter& operator=(const offload_awaiter&) = delete;
  ~offload_awaiter() {
    if (call_ != nullptr) call_->detach();
  }
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    return call_->wait(*at.promise().task, at);
  }
  R await_resume() {
    if (task_core* t = call_->waiter(); t != nullptr) throw_if_cancelled(*t);
    const std::shared_ptr<Call> done = std::exchange(call_, nullptr);
    return done->take();
  }

 private:
  std::shared_ptr<Call> call_;
};

template <class F, class... Args>
using offload_result = std::invoke_result_t<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>;

template <class R, class Call>
coro<R> await_offload(std::shared_ptr<offload_executor> executor, std::shared_ptr<Call> call, bool carry_context) {
  if (carry_context) call->carry_context();
  if (executor == nullptr) executor = default_executor_here();
  executor->submit([call] { call->execute(); });
  co_return co_await offload_awaiter<R, Call>(std::move(call));
}

template <class F, class... Args>
auto make_offload(F&& fn, Args&&... args) {
  using R = offload_result<F, Args...>;
  static_assert(!is_coro_v<R>, "to_thread() takes a plain function: a coroutine needs no thread, use create_task()");
  using call_type = offload_call<R, std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>;
  return std::allocate_shared<call_type>(pool_allocator<call_type>(), std::forward<F>(fn), std::forward<Args>(args)...);
}

}  // namespace detail

/// Runs `fn(args...)` on a thread of the default pool and gives its result. Callable and arguments are copied or moved in;
/// the function sees a copy of the caller's context variables.
///
/// Cancel:  a function that has not begun never runs; one that runs goes on alone, its result is dropped.
/// Throws:  what `fn` throws; error when the pool was shut down.   Like: asyncio.to_thread.
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>
coro<detail::offload_result<F, Args...>> to_thread(F&& fn, Args&&... args) {
  auto call = detail::make_offload(std::forward<F>(fn), std::forward<Args>(args)...);
  return detail::await_offload<detail::offload_result<F, Args...>>(nullptr, std::move(call), true);
}

/// The same on an executor of one's own, without context variables; null stands for the default one.   Like: loop.run_in_executor.
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>
coro<detail::offload_result<F, Args...>> run_in_executor(std::shared_ptr<offload_executor> executor, F&& fn,
                                                         Args&&... args) {
  auto call = detail::make_offload(std::forward<F>(fn), std::forward<Args>(args)...);
  return detail::await_offload<detail::offload_result<F, Args...>>(std::move(executor), std::move(call), false);
}

}  // namespace gyre
