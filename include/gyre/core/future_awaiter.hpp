// SPDX-License-Identifier: BSL-1.0
#pragma once
// How a coroutine awaits a future: it parks until that is done, and takes the result.  Layer: core.
#include <gyre/core/future_core.hpp>
#include <gyre/core/task_core.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace gyre::detail {

[[noreturn]] void throw_moved_out();

/// Awaits any future_core with a result of type T.
template <class T, bool Move>
class [[nodiscard]] future_awaiter : public awaiter_base {
 public:
  explicit future_awaiter(core_ref<future_core> awaited) noexcept : awaited_(std::move(awaited)) {}
  future_awaiter(const future_awaiter&) = delete;
  future_awaiter& operator=(const future_awaiter&) = delete;
  ~future_awaiter() {
    if (node_.linked()) awaited_->remove(node_);  // only when the frame is destroyed in mid-wait
  }

  [[nodiscard]] bool await_ready() const noexcept { return awaited_->done(); }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) {
    return suspend_on(*awaited_, node_, at);
  }
  T await_resume() {
    if (node_.task != nullptr) throw_if_cancelled(*node_.task, *awaited_);
    awaited_->check_result();
    auto& slot = static_cast<result_slot<T>&>(awaited_->slot());
    if (!slot.has_value) throw_moved_out();
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*slot.value());
    } else if constexpr (!is_copyable<T>) {
      slot.has_value = false;
      const moved_out_guard destroy(slot);
      return std::move(slot.value());
    } else if constexpr (Move) {
      if (awaited_->sole_reference()) return std::move(slot.value());
      return slot.value();
    } else {
      return slot.value();
    }
  }

 private:
  struct moved_out_guard {
    explicit moved_out_guard(result_slot<T>& s) noexcept : slot(s) {}
    moved_out_guard(const moved_out_guard&) = delete;
    moved_out_guard& operator=(const moved_out_guard&) = delete;
    ~moved_out_guard() { std::destroy_at(&slot.value()); }
    result_slot<T>& slot;
  };

  core_ref<future_core> awaited_;
  waiter_node node_;
};

}  // namespace gyre::detail
