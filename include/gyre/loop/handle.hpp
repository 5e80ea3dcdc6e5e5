// SPDX-License-Identifier: BSL-1.0
#pragma once
// Callbacks of a loop: what call_soon, call_later and call_at return.  Layer: loop.  Bodies: lib/loop/handle.cpp
#include <gyre/base/clock.hpp>
#include <gyre/base/ref_count.hpp>
#include <gyre/base/unique_function.hpp>
#include <gyre/core/context.hpp>
#include <gyre/core/frame_pool.hpp>
#include <gyre/core/future_core.hpp>
#include <gyre/loop/timers.hpp>

#include <atomic>

namespace gyre {

namespace detail {

/// One callback: an entry of its loop's ring, or a timer first. Shared by the loop and the user's handle.
class call_core final : public timer_node, public pooled {
 public:
  call_core(home& loop, unique_function<void()> callback, const gyre::context* in) noexcept
      : timer_node(&never_direct, &turn, false),
        loop_(loop.identity()),
        era_(loop_.era()),
        callback_(std::move(callback)) {
    if (in != nullptr) {
      context.join(in->core());
    } else {
      context.copy_from(current_context());
    }
  }

  /// The callback behind an entry, null if it is something else.
  [[nodiscard]] static call_core* of(runnable& r) noexcept {
    return r.is(&turn) ? static_cast<call_core*>(&r) : nullptr;
  }

  context_slot context;  // that the callback runs in

  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.drop()) delete this;
  }
  void cancel() noexcept;
  /// `<Handle callback()>`, `<TimerHandle when=1.5 callback()>`, with `cancelled` in front once it is.
  void append_text(std::string& out) const;
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  void mark_timer() noexcept { timed_ = true; }

 private:
  static void never_direct(timer_node&) noexcept {}
  static void turn(runnable& r, fate f) noexcept;

  loop_identity& loop_;  // the handle may outlive the loop
  std::uint32_t era_;
  unique_function<void()> callback_;
  ref_count references_;
  std::atomic<bool> cancelled_{false};
  bool timed_ = false;
};

}  // namespace detail

/// A callback that was queued.   Like: asyncio.Handle.   Thread: any.
class handle {
 public:
  /// No callback, to be assigned later; only cancel(), cancelled() and comparisons may be used until then.
  handle() noexcept = default;
  explicit handle(detail::core_ref<detail::call_core> core) noexcept : core_(std::move(core)) {}

  /// Keeps the callback from running, if it has not begun. Harmless later and when repeated.
  void cancel() const noexcept {
    if (core_) core_->cancel();
  }
  [[nodiscard]] bool cancelled() const noexcept { return core_ && core_->cancelled(); }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(core_); }
  void append_text(std::string& out) const { core_->append_text(out); }
  friend bool operator==(const handle& a, const handle& b) noexcept { return a.core_.get() == b.core_.get(); }
  /// The context that the callback runs in.
  [[nodiscard]] context get_context() const { return context(core_->context.share()); }

 protected:
  detail::core_ref<detail::call_core> core_;
};

/// A callback with a time.   Like: asyncio.TimerHandle.   Thread: any.
class timer_handle : public handle {
 public:
  timer_handle() noexcept = default;
  using handle::handle;

  /// When it is due, on the loop's clock.
  [[nodiscard]] loop_clock::time_point when() const noexcept {
    return loop_clock::time_point(loop_clock::duration(core_->deadline()));
  }
};

}  // namespace gyre
