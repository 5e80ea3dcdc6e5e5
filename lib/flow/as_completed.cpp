// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/awaited_by.hpp>
#include <gyre/flow/as_completed.hpp>

#include <mutex>

namespace gyre::detail {

class completion_order::watcher final : public completion_node, public pooled {
 public:
  watcher(std::shared_ptr<completion_order> order, std::size_t index) noexcept
      : completion_node(&queue, &turn, kind), order_(std::move(order)), index_(index) {}

 private:
  static const node_kind kind;
  static bool note_awaiters(completion_node& node, awaiter_list& out) noexcept {
    return static_cast<watcher&>(node).order_->note_awaiters(out);
  }
  static void queue(completion_node& node, future_core&) noexcept {
    auto& self = static_cast<watcher&>(node);
    self.order_->post(self);
  }
  static void turn(runnable& r, fate f) noexcept {
    const std::unique_ptr<watcher> self(static_cast<watcher*>(&r));
    if (f == fate::runs) self->order_->ended(self->index_);
  }

  std::shared_ptr<completion_order> order_;
  std::size_t index_;
};

const node_kind completion_order::watcher::kind{"as_completed.<locals>._handle_completion()", &note_awaiters};

completion_order::waiting::waiting(completion_order& order) : order_(order), task_(running_task("as_completed")) {
  const std::lock_guard hold(order_.waiting_guard_);
  order_.waiting_.push_back(*this);
}

completion_order::waiting::~waiting() {
  const std::lock_guard hold(order_.waiting_guard_);
  unlink();
}

bool completion_order::note_awaiters(awaiter_list& out) noexcept {
  const std::lock_guard hold(waiting_guard_);
  bool all = true;
  waiting_.for_each([&](waiting& each) { all = all && out.add(each.task_); });
  return all;
}

std::shared_ptr<completion_order> completion_order::watch(const pooled_vector<core_ref<future_core>>& futures,
                                                          std::optional<std::chrono::nanoseconds> timeout) {
  home& loop = running_home("as_completed");
  for (const auto& each : futures) refuse_foreign(*each, loop, "as_completed");
  auto order = std::allocate_shared<completion_order>(pool_allocator<completion_order>(), loop);
  order->unfinished_ = futures.size();
  for (std::size_t i = 0; i < futures.size(); ++i) {
    auto node = std::make_unique<watcher>(order, i);
    watcher& queued = *node.release();
    if (!futures[i]->add(queued)) queued.deliver(*futures[i]);
  }
  if (timeout && !futures.empty()) {
    order->limit_ = loop.as_loop().call_later(*timeout, [order] { order->time_out(); });
  }
  return order;
}

// A future that is set when the loop has gone still has its watcher.
void completion_order::post(runnable& r) noexcept {
  post_or_drop(&loop_, era_, r, [this] { return loop_.loop_of(era_); });
}

// After the time-out nobody asks for more than stood for this one already.
void completion_order::ended(std::size_t index) {
  done.put_nowait(index);
  if (--unfinished_ == 0 && limit_) limit_->cancel();
}

void completion_order::time_out() {
  for (std::size_t late = unfinished_; late > 0; --late) done.put_nowait(too_late);
}

}  // namespace gyre::detail
