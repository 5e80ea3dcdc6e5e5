// SPDX-License-Identifier: BSL-1.0
#include "submission_gate.hpp"

#include <gyre/core/current.hpp>
#include <gyre/core/error.hpp>

#include <algorithm>
#include <memory>

namespace gyre::detail {

class submission_gate::permit final : public completion_node, public pooled {
 public:
  explicit permit(submission_gate& gate) noexcept : completion_node(&on_end, &on_drop, kind), gate_(gate) {}

 private:
  static constexpr node_kind kind{"submission"};
  static void on_end(completion_node& node, future_core&) noexcept { give_back(static_cast<permit&>(node)); }
  static void on_drop(runnable& r, fate) noexcept { give_back(static_cast<permit&>(r)); }
  static void give_back(permit& p) noexcept {
    p.gate_.leave(1);
    delete &p;
  }

  submission_gate& gate_;
};

std::size_t submission_gate::enter(std::size_t wanted) {
  const bool may_wait = overflow_ == submission_overflow::wait && this_thread().loop == nullptr;
  std::unique_lock hold(guard_);
  if (may_wait && inside_ >= bound_ && !closed_) {
    ++waiting_;
    changed_.wait(hold, [this] { return closed_ || inside_ < bound_; });
    --waiting_;
  }
  if (closed_) throw loop_closed("run_coroutine_threadsafe: the event loop is closed");
  const std::size_t room = bound_ - std::min(bound_, inside_);
  if (room < (may_wait ? 1 : wanted)) throw queue_full();
  const std::size_t taken = std::min(room, wanted);
  inside_ += taken;
  return taken;
}

void submission_gate::leave(std::size_t permits) noexcept {
  const std::lock_guard hold(guard_);
  inside_ -= permits;
  if (waiting_ == 0) return;
  if (permits == 1) {
    changed_.notify_one();
  } else {
    changed_.notify_all();
  }
}

void submission_gate::close() noexcept {
  const std::lock_guard hold(guard_);
  closed_ = true;
  changed_.notify_all();
}

void submission_gate::tie_to(std::span<own_task* const> tasks) {
  std::size_t tied = 0;
  try {
    for (own_task* each : tasks) {
      tie_one(*each);
      ++tied;
    }
  } catch (...) {
    leave(tasks.size() - tied);
    throw;
  }
}

void submission_gate::tie_to(future_core& task) {
  try {
    tie_one(task);
  } catch (...) {
    leave(1);
    throw;
  }
}

void submission_gate::tie_one(future_core& task) {
  auto node = std::make_unique<permit>(*this);
  static_cast<void>(task.add(*node.release()));  // it is pending
}

}  // namespace gyre::detail
