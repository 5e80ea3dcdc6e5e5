// SPDX-License-Identifier: BSL-1.0
#include "submission_gate.hpp"

#include <gyre/core/current.hpp>
#include <gyre/core/error.hpp>

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
  const auto got = permits_.take(wanted, may_wait);
  if (got.closed) throw loop_closed("run_coroutine_threadsafe: the event loop is closed");
  if (got.full) throw queue_full();
  return got.taken;
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
