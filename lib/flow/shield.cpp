// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/current.hpp>
#include <gyre/flow/shield.hpp>

#include <memory>
#include <mutex>

namespace gyre::detail {

class shield_core::watcher final : public completion_node, public pooled {
 public:
  explicit watcher(shield_core& shield) noexcept
      : completion_node(&queue, &turn, kind), shield_(core_ref<shield_core>::share(shield)) {}
  ~watcher() {
    const std::lock_guard hold(shield_->watcher_guard_);
    shield_->watcher_ = nullptr;
  }

 private:
  static const node_kind kind;
  static bool note_awaiters(completion_node& node, awaiter_list& out) noexcept {
    return out.pass_on(*static_cast<watcher&>(node).shield_);
  }
  static void queue(completion_node& node, future_core& inner) noexcept { inner.post(static_cast<watcher&>(node)); }
  static void turn(runnable& r, fate f) noexcept {
    const std::unique_ptr<watcher> self(static_cast<watcher*>(&r));
    if (f == fate::runs) self->shield_->inner_done();
  }

  core_ref<shield_core> shield_;
};

const node_kind shield_core::watcher::kind{"shield.<locals>._inner_done_callback()", &note_awaiters};

home* shield_home(const future_core& inner) {
  const home* const here = this_thread().loop;
  home* const owner = inner.where();
  if (here != nullptr) refuse_foreign(inner, *here, "shield");
  if (owner == nullptr && !inner.done()) throw_foreign(inner, "shield");
  return owner;
}

void shield_core::watch() {
  auto node = std::make_unique<watcher>(*this);
  {
    const std::lock_guard hold(watcher_guard_);
    watcher_ = node.get();
  }
  if (inner_->add(*node)) {
    static_cast<void>(node.release());
  } else {
    node.release()->deliver(*inner_);
  }
}

void shield_core::inner_done() noexcept {
  future_core& inner = *inner_;
  inner.mark_retrieved();
  if (!reserve()) return;
  slot().error = inner.slot().error;
  if (slot().error == nullptr) {
    try {
      copy_value(inner);
    } catch (...) {
      slot().error = std::current_exception();
    }
  }
  if (inner.outcome() == status::failed) {
    fail();
  } else {
    complete();
  }
}

bool shield_core::cancel(std::string_view message) {
  if (!future_core::cancel(message)) return false;
  // asyncio: a cancelled shield takes its callback off what it shielded.
  std::unique_ptr<watcher> mine;
  {
    const std::lock_guard hold(watcher_guard_);
    if (watcher_ != nullptr && inner_->remove(*watcher_)) mine.reset(std::exchange(watcher_, nullptr));
  }
  return true;
}

}  // namespace gyre::detail
