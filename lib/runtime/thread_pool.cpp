// SPDX-License-Identifier: BSL-1.0
#include "cores.hpp"

#include <gyre/core/error.hpp>
#include <gyre/runtime/offload.hpp>

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace gyre {
// Owned by the pool and by each of its threads: a thread that is stuck in a function outlives the pool.
struct thread_pool_executor::shared : std::enable_shared_from_this<shared> {
  shared(std::size_t max, std::string thread_name, std::chrono::milliseconds timeout)
      : bound(max), name(std::move(thread_name)), idle_timeout(timeout) {}

  void start_thread();
  void run() noexcept;

  std::mutex guard;
  std::condition_variable work_or_end;
  std::condition_variable thread_left;
  std::deque<unique_function<void()>> queue;
  const std::size_t bound;
  const std::string name;
  const std::chrono::milliseconds idle_timeout;
  std::size_t threads = 0;
  std::size_t idle = 0;  // threads that wait for work; each entry of the queue has been promised to one, if they suffice
  bool closed = false;
  bool given_up = false;  // shutdown() came to its deadline: nobody waits for the threads any more
};

// Under guard.
void thread_pool_executor::shared::start_thread() {
  std::thread fresh([self = shared_from_this(), cores = detail::inherited_mask()] {
    cores.apply();
    self->run();
  });
  ::pthread_setname_np(fresh.native_handle(), name.substr(0, 15).c_str());
  fresh.detach();  // counted in `threads`, and waited for by shutdown()
  ++threads;
}

void thread_pool_executor::shared::run() noexcept {
  std::unique_lock hold(guard);
  for (;;) {
    if (queue.empty()) {
      if (closed) break;
      ++idle;
      const bool woken = work_or_end.wait_for(hold, idle_timeout, [this] { return closed || !queue.empty(); });
      --idle;
      if (!woken) break;
      continue;
    }
    unique_function<void()> work = std::move(queue.front());
    queue.pop_front();
    hold.unlock();
    work();
    work = unique_function<void()>();
    hold.lock();
  }
  --threads;
  thread_left.notify_all();
}

thread_pool_executor::thread_pool_executor(std::size_t max_threads, std::string name,
                                           std::chrono::milliseconds idle_timeout)
    : state_(std::make_shared<shared>(
          max_threads != 0 ? max_threads : std::min<std::size_t>(32, static_cast<std::size_t>(usable_cores()) + 4),
          std::move(name), idle_timeout)) {}

thread_pool_executor::~thread_pool_executor() {
  {
    const std::lock_guard hold(state_->guard);
    if (state_->given_up) return;
  }
  shutdown(std::chrono::steady_clock::time_point::max());
}

void thread_pool_executor::submit(unique_function<void()> work) {
  const std::lock_guard hold(state_->guard);
  if (state_->closed) throw error("cannot schedule new futures after shutdown");
  state_->queue.push_back(std::move(work));
  if (state_->idle >= state_->queue.size()) {
    state_->work_or_end.notify_one();
    return;
  }
  if (state_->threads >= state_->bound) return;
  try {
    state_->start_thread();
  } catch (...) {
    if (state_->threads != 0) return;  // the others will get to it
    state_->queue.pop_back();
    throw;
  }
}

bool thread_pool_executor::shutdown(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock hold(state_->guard);
  state_->closed = true;
  state_->work_or_end.notify_all();
  const auto ended = [this] { return state_->threads == 0; };
  if (deadline == std::chrono::steady_clock::time_point::max()) {
    state_->thread_left.wait(hold, ended);
    return true;
  }
  state_->given_up = !state_->thread_left.wait_until(hold, deadline, ended);
  return !state_->given_up;
}

std::size_t thread_pool_executor::thread_count() const {
  const std::lock_guard hold(state_->guard);
  return state_->threads;
}

}  // namespace gyre
