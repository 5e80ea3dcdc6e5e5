// SPDX-License-Identifier: BSL-1.0
#include <gyre/flow/as_completed.hpp>

namespace gyre::detail {

class completion_order::watcher final : public completion_node, public pooled {
 public:
  watcher(std::shared_ptr<completion_order> order, std::size_t index, home& loop) noexcept
      : completion_node(&queue, &turn, "as_completed.<locals>._handle_completion()"),
        order_(std::move(order)),
        index_(index),
        loop_(loop) {}

 private:
  static void queue(completion_node& node, future_core&) noexcept {
    auto& self = static_cast<watcher&>(node);
    self.loop_.post(self);
  }
  static void turn(runnable& r, fate f) noexcept {
    const std::unique_ptr<watcher> self(static_cast<watcher*>(&r));
    if (f == fate::runs) self->order_->ended(self->index_);
  }

  std::shared_ptr<completion_order> order_;
  std::size_t index_;
  home& loop_;
};

std::shared_ptr<completion_order> completion_order::watch(const pooled_vector<core_ref<future_core>>& futures,
                                                          std::optional<std::chrono::nanoseconds> timeout) {
  auto order = std::allocate_shared<completion_order>(pool_allocator<completion_order>());
  home& loop = running_home("as_completed");
  order->unfinished_ = futures.size();
  for (std::size_t i = 0; i < futures.size(); ++i) {
    auto node = std::make_unique<watcher>(order, i, loop);
    watcher& queued = *node.release();
    if (!futures[i]->add(queued)) queued.deliver(*futures[i]);
  }
  if (timeout && !futures.empty()) {
    order->limit_ = loop.as_loop().call_later(*timeout, [order] { order->time_out(); });
  }
  return order;
}

void completion_order::ended(std::size_t index) {
  if (unfinished_ == 0) return;  // too late
  done.put_nowait(index);
  if (--unfinished_ == 0 && limit_) limit_->cancel();
}

void completion_order::time_out() {
  for (; unfinished_ > 0; --unfinished_) done.put_nowait(too_late);
}

}  // namespace gyre::detail
