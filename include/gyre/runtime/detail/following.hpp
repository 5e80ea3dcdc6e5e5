// SPDX-License-Identifier: BSL-1.0
#pragma once
// A future of one loop that takes over the outcome of something that ends elsewhere.  Layer: runtime.
// Bodies: lib/runtime/following.cpp
#include <gyre/core/blocking_future.hpp>
#include <gyre/core/future.hpp>

namespace gyre::detail {

/// The end of what it follows ends it, on whichever thread that is; a cancel of it is passed on.
///
///   source_, asked_   under guard_: the cancel that finds no source yet leaves word for follow().
class following_core : public future_core {
 public:
  /// Once at most.   Throws: std::bad_alloc.
  void follow(core_ref<future_core> source);
  /// Ends it with an error, unless it is done.
  void fail(std::exception_ptr error) noexcept;
  /// Ends it at once as cancelled, and asks the same of what it follows.
  bool cancel(std::string_view message) override;

 protected:
  following_core(home* owner, result_base& result_room) noexcept : future_core(owner, result_room) {}
  virtual void copy_value(future_core& source) = 0;

 private:
  class link;
  void take_over(future_core& source) noexcept;

  spin_lock guard_;
  core_ref<future_core> source_;
  bool asked_ = false;
};

template <class T>
class following final : public following_core {
 public:
  explicit following(home* owner) noexcept : following_core(owner, result_) {}
  void append_result(std::string& out) const override { append_value(out, result_.value()); }

 private:
  void copy_value(future_core& source) override {
    auto& from = static_cast<result_slot<T>&>(source.slot());
    if constexpr (std::is_void_v<T>) {
      result_.emplace();
    } else if constexpr (std::is_reference_v<T>) {
      result_.emplace(from.value());
    } else {
      result_.emplace(take_shared<T>(from));
    }
  }

  result_slot<T> result_;
};

}  // namespace gyre::detail
