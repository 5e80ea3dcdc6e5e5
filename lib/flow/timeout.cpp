// SPDX-License-Identifier: BSL-1.0
#include <gyre/flow/timeout.hpp>

namespace gyre::detail {

time_limit::time_limit(std::optional<std::int64_t> delay)
    : timer_node(&expire_now, &expire_in_turn, false),
      task_(running_task("wait_for")),
      armed_at_(task_.at()),
      cancels_before_(task_.state.cancelling()) {
  if (!delay) return;
  // A pinned task may move to another loop inside the limit: only asyncio's single loop may keep the node in its ring.
  fire_directly(!armed_at_.asyncio_order());
  if (*delay > 0) {
    arm_timer(armed_at_, *this, deadline_after(now_of(armed_at_), *delay));
  } else {
    arm_timer_now(armed_at_, *this);
  }
  armed_ = true;
}

time_limit::~time_limit() { stop_timer(); }

void time_limit::stop_timer() noexcept {
  if (std::exchange(armed_, false)) disarm_timer(armed_at_, *this);
}

void time_limit::expire_now(timer_node& node) noexcept { static_cast<time_limit&>(node).expire(); }

void time_limit::expire_in_turn(runnable& r, fate f) noexcept {
  if (f == fate::runs) static_cast<time_limit&>(r).expire();
}

void time_limit::expire() noexcept {
  stage_.store(stage::expiring, std::memory_order_release);
  task_.cancel({});
}

void time_limit::leave(const std::exception_ptr& error) {
  stop_timer();
  if (stage_.load(std::memory_order_acquire) != stage::expiring) {
    stage_.store(stage::left, std::memory_order_relaxed);
    return;
  }
  stage_.store(stage::expired, std::memory_order_relaxed);
  const unsigned others = task_.state.uncancel();
  if (others <= cancels_before_ && caught_as<cancelled_error>(error) != nullptr) throw timeout_error();
}

}  // namespace gyre::detail
