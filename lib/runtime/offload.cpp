// SPDX-License-Identifier: BSL-1.0
#include <gyre/runtime/offload.hpp>

#include "../loop/loop_core.hpp"
#include "../loop/platform.hpp"
#include "shutdown.hpp"

#include <mutex>
#include <thread>

namespace gyre::detail {
namespace {

using clock_type = std::chrono::steady_clock;

// A thread that waits for an executor's end. Left behind only by a task that does not wait for it any more.
class joining_thread {
 public:
  explicit joining_thread(offload_work work) : thread_([w = std::move(work)]() mutable { w(); }) {}
  joining_thread(const joining_thread&) = delete;
  joining_thread& operator=(const joining_thread&) = delete;
  ~joining_thread() {
    if (thread_.joinable()) thread_.detach();
  }
  void join() { thread_.join(); }

 private:
  std::thread thread_;
};

clock_type::time_point deadline_in(std::optional<std::chrono::nanoseconds> timeout) {
  const auto now = clock_type::now();
  if (!timeout || *timeout > clock_type::time_point::max() - now) return clock_type::time_point::max();
  return now + *timeout;
}

std::shared_ptr<thread_pool_executor> make_pool(loop_core& loop) {
  const std::chrono::nanoseconds spin(loop.setup().spin_before_park);
  return std::make_shared<thread_pool_executor>(thread_pool_options().spin_before_park(spin));
}

}  // namespace

void start_in_thread(const core_ref<offload_core>& call, std::coroutine_handle<> at) {
  const promise_base& body = promise_base::of(at);
  std::source_location caller;  // unknown when to_thread() itself is the task's coroutine
  if (body.continuation != nullptr) caller = promise_base::of(body.continuation).line;
  auto& loop = static_cast<loop_core&>(body.task->at());
  call->settle_at_loop(loop);
  call->note_caller(caller, body.task);
  call->carry_context();
  default_executor(loop)->execute(offload_work(call));
}

void start_in_executor(event_loop& loop, const executor_ref& executor, const core_ref<offload_core>& call) {
  if (loop.is_closed()) throw loop_closed("run_in_executor: the event loop is closed");
  call->settle_at_loop(loop.core());
  call->note_caller(executor.where(), this_thread().current);
  if (executor.get() != nullptr) {
    executor.get()->execute(offload_work(call));
  } else {
    default_executor(loop.core())->execute(offload_work(call));
  }
}

std::shared_ptr<offload_executor> default_executor(loop_core& loop) {
  executor_slot& slot = loop.executor();
  const std::lock_guard hold(slot.guard);
  if (slot.closed) throw error("Executor shutdown has been called");
  if (slot.executor == nullptr) {
    platform* surroundings = current_platform();
    slot.executor = surroundings != nullptr ? surroundings->make_executor() : make_pool(loop);
  }
  return slot.executor;
}

}  // namespace gyre::detail

namespace gyre {

void event_loop::set_default_executor(std::shared_ptr<thread_pool_executor> executor) {
  if (executor == nullptr) throw value_error("set_default_executor: there is no executor");
  detail::executor_slot& slot = core_->executor();
  const std::lock_guard hold(slot.guard);
  if (slot.executor != nullptr) slot.replaced.push_back(slot.executor);
  slot.executor = std::move(executor);
}

coro<> event_loop::shutdown_default_executor(std::optional<time_span> timeout) {
  const std::vector<std::shared_ptr<offload_executor>> all = core_->executor().close();
  if (all.empty()) co_return;
  const auto end = [all, deadline = detail::deadline_in(timeout)] {
    bool in_time = true;
    for (const auto& each : all) in_time = each->shutdown(deadline) && in_time;
    return in_time;
  };
  auto call = detail::make_offload("shutdown_default_executor", end);
  call->settle_at_loop(*core_);
  future<bool> ended(detail::core_ref<detail::future_core>::share(*call));
  offload_work work(std::move(call));
  if (detail::current_platform() != nullptr) {
    work();  // a simulation has no other threads
  } else {
    detail::joining_thread thread(std::move(work));
    co_await ended;
    thread.join();
  }
  const bool in_time = co_await ended;
  if (!in_time) detail::report_unfinished(*core_, all);
}

}  // namespace gyre
