// SPDX-License-Identifier: BSL-1.0
#include "worker_threads.hpp"

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
};

void worker_threads::start(std::size_t index, const std::string& name, unique_function<void()> body) {
  auto end = std::make_shared<end_mark>();
  threads_.reserve(threads_.size() + 1);
  std::thread thread([end, body = std::move(body)]() mutable {
    body();
    end->set();
  });
  ::pthread_setname_np(thread.native_handle(), name.c_str());
  threads_.push_back(worker{index, std::move(end), std::move(thread)});
}

std::vector<std::size_t> worker_threads::join(std::optional<time_point> deadline) {
  std::vector<std::size_t> stuck;
  for (worker& each : threads_) {
    if (each.end->wait(deadline)) {
      each.thread.join();
    } else {
      each.thread.detach();
      stuck.push_back(each.index);
    }
  }
  threads_.clear();
  return stuck;
}

}  // namespace gyre::detail
