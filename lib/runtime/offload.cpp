// SPDX-License-Identifier: BSL-1.0
#include <gyre/runtime/offload.hpp>

#include "../loop/loop_core.hpp"
#include "../loop/platform.hpp"

#include <mutex>

namespace gyre::detail {

// The waiting task and the function meet under lock_: whoever comes second finds the other's mark.
void offload_state::execute() noexcept {
  {
    const std::lock_guard hold(lock_);
    if (detached_) return;
    begun_ = true;
  }
  if (carries_) {
    const entered_slot inside(carried_);
    call();
  } else {
    call();
  }
  task_core* woken = nullptr;
  {
    const std::lock_guard hold(lock_);
    finished_ = true;
    if (task_ != nullptr && task_->state.claim()) woken = task_;
    task_ = nullptr;
  }
  if (woken != nullptr) woken->at().enqueue(*woken);
}

bool offload_state::wait(task_core& t, std::coroutine_handle<> at) noexcept {
  t.resume_point = at;
  waiter_ = &t;
  bool parked = false;
  {
    const std::lock_guard hold(lock_);
    if (finished_) {
      t.state.yield();
    } else {
      task_ = &t;
      parked = t.park_or_yield();
      if (!parked) task_ = nullptr;
    }
  }
  t.leave(parked);
  return true;
}

void offload_state::detach() noexcept {
  const std::lock_guard hold(lock_);
  detached_ = true;
  task_ = nullptr;
}

std::shared_ptr<offload_executor> default_executor(loop_core& loop) {
  executor_slot& slot = loop.executor();
  const std::lock_guard hold(slot.guard);
  if (slot.closed) throw error("Executor shutdown has been called");
  if (slot.executor == nullptr) {
    platform* surroundings = current_platform();
    slot.executor = surroundings != nullptr ? surroundings->make_executor() : std::make_shared<thread_pool_executor>();
  }
  return slot.executor;
}

std::shared_ptr<offload_executor> default_executor_here() {
  return default_executor(static_cast<loop_core&>(running_home("to_thread")));
}

void set_default_executor(loop_core& loop, std::shared_ptr<offload_executor> executor) {
  executor_slot& slot = loop.executor();
  const std::lock_guard hold(slot.guard);
  slot.executor = std::move(executor);
}

bool shutdown_default_executor(loop_core& loop, std::chrono::steady_clock::time_point deadline) {
  executor_slot& slot = loop.executor();
  std::shared_ptr<offload_executor> last;
  {
    const std::lock_guard hold(slot.guard);
    slot.closed = true;
    last = slot.executor;
  }
  return last == nullptr || last->shutdown(deadline);
}

}  // namespace gyre::detail
