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

/// Awaits any future_core with a result of type T. The awaiter of a handle that is given up (Move) takes its reference over;
/// that of a named one makes a reference when it suspends: until then no other code runs that could drop the handle.
template <class T, bool Move>
class [[nodiscard]] future_awaiter : public awaiter_base {
 public:
  explicit future_awaiter(core_ref<future_core> awaited) noexcept
    requires Move
      : awaited_(awaited.release()) {}
  explicit future_awaiter(future_core& awaited) noexcept
    requires(!Move)
      : awaited_(&awaited) {}
  future_awaiter(const future_awaiter&) = delete;
  future_awaiter& operator=(const future_awaiter&) = delete;
  ~future_awaiter() {
    if (node_.linked()) awaited_->remove(node_);  // only when the frame is destroyed in mid-wait
    if (Move || node_.task != nullptr) awaited_->release();
  }

  [[nodiscard]] bool await_ready() const noexcept { return awaited_->done(); }
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) {
    if constexpr (!Move) awaited_->retain();
    node_.task = at.promise().task;
    return suspend_on(*awaited_, node_, at);
  }
  T await_resume() {
    if (node_.task != nullptr && node_.task->state.cancel_pending()) [[unlikely]]
      throw_cancel();
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
  void throw_cancel() {
    if (std::exception_ptr error = cancel_error_after(*node_.task, *awaited_); error != nullptr) {
      rethrow(std::move(error));
    }
  }

  struct moved_out_guard {
    explicit moved_out_guard(result_slot<T>& s) noexcept : slot(s) {}
    moved_out_guard(const moved_out_guard&) = delete;
    moved_out_guard& operator=(const moved_out_guard&) = delete;
    ~moved_out_guard() { std::destroy_at(&slot.value()); }
    result_slot<T>& slot;
  };

  future_core* awaited_;
  waiter_node node_;
};

}  // namespace gyre::detail
