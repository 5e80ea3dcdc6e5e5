// SPDX-License-Identifier: BSL-1.0
#pragma once
// shield: keeps a cancel from what is awaited.  Layer: flow.  Bodies: lib/flow/shield.cpp
#include <gyre/flow/ensure_future.hpp>

namespace gyre {

namespace detail {

/// The outer future of a shield. It takes over the outcome of the inner one; a cancel ends the outer one only.
class shield_core : public future_core {
 public:
  bool cancel(std::string_view message) override;
  [[nodiscard]] bool any_needed(bool (*needed)(const future_core&, const void*) noexcept,
                                const void* with) const noexcept override {
    return needed(*inner_, with);
  }

 protected:
  shield_core(home* owner, result_base& result_room, core_ref<future_core> inner) noexcept
      : future_core(owner, result_room), inner_(std::move(inner)) {
    mark_as_handing_on();
  }

  /// Call when the object is complete.
  void watch();
  virtual void copy_value(future_core& inner) = 0;

 private:
  class watcher;
  friend class watcher;
  void inner_done() noexcept;

  core_ref<future_core> inner_;
  watcher* watcher_ = nullptr;  // under watcher_guard_; null once it has gone
  spin_lock watcher_guard_;
};

/// The loop of a shield: that of what it shields.   Throws: what refuse_foreign() throws.
[[nodiscard]] home* shield_home(const future_core& inner);

template <class T>
class shield_of final : public shield_core {
 public:
  shield_of(home* owner, core_ref<future_core> inner) : shield_core(owner, result_, std::move(inner)) { watch(); }
  void append_result(std::string& out) const override { append_value(out, result_.value()); }

 private:
  void copy_value(future_core& inner) override {
    auto& from = static_cast<result_slot<T>&>(inner.slot());
    if constexpr (is_copyable<stored<T>>) {
      result_.emplace(from.value());
    } else {
      result_.emplace(std::move(from.value()));
    }
  }
  result_slot<T> result_;
};

}  // namespace detail

/// What shield() returns: a future with the outcome of the shielded one.
template <class T>
class shielded : public detail::basic_future<T, shielded<T>> {
  using base = detail::basic_future<T, shielded<T>>;

 public:
  shielded() noexcept = default;
  explicit shielded(detail::core_ref<detail::future_core> core) noexcept : base(std::move(core)) {}
};

/// A future with the outcome of `aw`, whose cancellation leaves `aw` alone. Keep a handle of `aw`'s task to end it.
///
/// Cancel:  the awaiting task gets cancelled_error; `aw` runs on.   Throws: no_running_loop (for a coroutine), foreign_runtime.
/// Like:    asyncio.shield. The end of run() cancels the shielded task itself.
template <class A>
  requires detail::awaitable_argument<A>
auto shield(A&& aw) {
  using T = typename std::remove_cvref_t<A>::value_type;
  auto inner = detail::future_of(std::forward<A>(aw), "shield");
  detail::home* const owner = detail::shield_home(*inner);
  if (inner->done()) return shielded<T>(std::move(inner));
  return shielded<T>(detail::core_ref<detail::future_core>(new detail::shield_of<T>(owner, std::move(inner))));
}

}  // namespace gyre
