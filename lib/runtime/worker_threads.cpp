// SPDX-License-Identifier: BSL-1.0
#include "worker_threads.hpp"

#include "cores.hpp"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <utility>

namespace gyre::detail {

class worker_threads::end_mark {
 public:
  void set() {
    const std::lock_guard hold(guard_);
    ended_ = true;
    changed_.notify_all();
  }
  void release() {
    const std::lock_guard hold(guard_);
    released_ = true;
    changed_.notify_all();
  }
  void await_release() {
    std::unique_lock hold(guard_);
    changed_.wait(hold, [this] { return released_; });
  }
  [[nodiscard]] bool wait(std::optional<time_point> deadline) {
    std::unique_lock hold(guard_);
    const auto ended = [this] { return ended_; };
    if (deadline) return changed_.wait_until(hold, *deadline, ended);
    changed_.wait(hold, ended);
    return true;
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool ended_ = false;
  bool released_ = false;
};

void worker_threads::start(std::size_t index, const std::string& name, unique_function<void()> body,
                           unique_function<void()> last) {
  auto end = std::make_shared<end_mark>();
  threads_.reserve(threads_.size() + 1);
  std::thread thread([end, name, cores = inherited_mask(), body = std::move(body), last = std::move(last)]() mutable {
    cores.apply();
    ::pthread_setname_np(::pthread_self(), name.c_str());
    body();
    end->set();
    end->await_release();
    last();
  });
  threads_.push_back(worker{index, std::move(end), std::move(thread)});
}

std::vector<std::size_t> worker_threads::await_ends(std::optional<time_point> deadline) {
  std::vector<std::size_t> stuck;
  for (worker& each : threads_) {
    if (each.end->wait(deadline)) continue;
    each.thread.detach();
    stuck.push_back(each.index);
  }
  return stuck;
}

void worker_threads::release() {
  for (worker& each : threads_) each.end->release();
  for (worker& each : threads_) {
    if (each.thread.joinable()) each.thread.join();
  }
  threads_.clear();
}

}  // namespace gyre::detail
