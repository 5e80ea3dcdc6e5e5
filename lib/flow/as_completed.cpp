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
    if (f == fate::runs) self->order_->done.put_nowait(self->index_);
  }

  std::shared_ptr<completion_order> order_;
  std::size_t index_;
  home& loop_;
};

std::shared_ptr<completion_order> completion_order::watch(const pooled_vector<core_ref<future_core>>& futures) {
  auto order = std::allocate_shared<completion_order>(pool_allocator<completion_order>());
  home& loop = running_home("as_completed");
  for (std::size_t i = 0; i < futures.size(); ++i) {
    auto node = std::make_unique<watcher>(order, i, loop);
    watcher& queued = *node.release();
    if (!futures[i]->add(queued)) queued.deliver(*futures[i]);
  }
  return order;
}

}  // namespace gyre::detail
