// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/ref_count.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/current.hpp>
#include <gyre/flow/timeout.hpp>

#include <algorithm>
#include <cmath>
#include <flow/turn.hpp>
#include <memory>
#include <mutex>
#include <string>

namespace gyre {
namespace detail {

namespace {
constexpr std::uint8_t most_limits = 255;  // a task that was ever inside of so many counts as limited for good
}  // namespace

const char* name_of(time_limit::stage stage) noexcept {
  switch (stage) {
    case time_limit::stage::created:
      return "created";
    case time_limit::stage::active:
      return "active";
    case time_limit::stage::expiring:
      return "expiring";
    case time_limit::stage::expired:
      return "expired";
    case time_limit::stage::finished:
      return "finished";
  }
  return "";
}

void throw_timed_out() { throw caused<timeout_error>(); }

void check_future(const future_core& f) { refuse_foreign(f, running_home("wait_for"), "wait_for"); }

void time_limit::enter() {
  if (current() != stage::created) throw error("Timeout has already been entered");
  task_ = &running_task("timeout");
  cancel_.enter(*task_);
  cancels_before_ = task_->state.cancelling();
  if (task_->limits != most_limits) ++task_->limits;
  stage_.store(stage::active, std::memory_order_relaxed);
  if (when_.is == limit_spec::kind::none) return;
  home& here = task_->at();
  const std::int64_t now = now_of(here);
  if (when_.is == limit_spec::kind::delay) when_ = limit_spec::until(deadline_after(now, when_.ns));
  arm(here, now);
}

// Stands for a limit in the heap or ring of a loop that the limit's task may have left: an entry of a ring can only be taken
// back by that ring's own thread. Pooled; freed when both the limit and the loop have let go.
//
//   turn_    begins only while the limit wants it; take_back() waits for the end of an expiring under way.
class time_limit::ticket final : public timer_node, public pooled {
 public:
  explicit ticket(time_limit& limit) noexcept : timer_node(&never_direct, &take_turn, false), limit_(limit) {}

  // Nothing expires after this.
  void take_back(home* loop) noexcept {
    turn_.call_off();
    if (loop != nullptr && take_back_timer(*loop, *this)) release();
    release();
  }

 private:
  void release() noexcept {
    if (references_.drop()) delete this;
  }
  static void never_direct(timer_node&) noexcept {}
  static void take_turn(runnable& r, fate f) noexcept {
    auto& self = static_cast<ticket&>(r);
    if (f == fate::runs && self.turn_.begin()) {
      self.limit_.expire();
      self.turn_.end();
    }
    self.release();
  }

  basic_turn<> turn_;
  time_limit& limit_;
  ref_count references_{2};  // the limit, the loop
};

// In the ring of a single loop the limit's own node has its turn; where the task may move to another loop, a ticket has.
void time_limit::arm_in_turn(home& here, std::int64_t now) {
  std::unique_ptr<ticket> made;
  if (has_neighbours(here)) made = std::make_unique<ticket>(*this);
  timer_node& node = made != nullptr ? static_cast<timer_node&>(*made) : *this;
  if (when_.ns > now) {
    arm_timer(here, node, when_.ns);
  } else {
    arm_timer_now(here, node);
  }
  ticket_ = made.release();
  note_armed(here);
}

// The timer goes into the heap of the loop that runs here. A task, also a pinned one, may move to another loop inside the
// scope.
void time_limit::arm(home& here, std::int64_t now) {
  if (here.asyncio_order()) {
    arm_in_turn(here, now);
    return;
  }
  fire_directly(true);
  const bool pinned = task_->state.is_pinned();
  if (when_.ns > now || (!pinned && !cancel_.is_marked())) {
    arm_timer(here, *this, std::max(when_.ns, now));
    note_armed(here);
  } else if (pinned) {
    arm_timer_now(here, *this);
    note_armed(here);
  } else {
    // A free task that only yields could go on before any timer is looked at. This request can be told from others, if the
    // block does not wait.
    overdue_ = this_thread().current == task_;  // else a reschedule() by another task: it meets a task in some wait
    expire();
  }
}

void time_limit::note_armed(home& here) noexcept {
  armed_at_ = &here.identity();
  armed_era_ = armed_at_->era();
}

void time_limit::stop_timer() noexcept {
  if (armed_at_ == nullptr) return;
  home* where = std::exchange(armed_at_, nullptr)->loop_of(armed_era_);
  if (ticket_ != nullptr) {
    std::exchange(ticket_, nullptr)->take_back(where);
  } else if (where != nullptr) {
    disarm_timer(*where, *this);
  }
}

void time_limit::abandon() noexcept {
  stop_timer();
  const stage now = current();
  if (now != stage::active && now != stage::expiring) return;
  cancel_.leave(*task_);
  stage_.store(now == stage::active ? stage::finished : stage::expired, std::memory_order_relaxed);
}

void time_limit::expire_now(timer_node& node) noexcept { static_cast<time_limit&>(node).expire(); }

void time_limit::expire_in_turn(runnable& r, fate f) noexcept {
  if (f == fate::runs) static_cast<time_limit&>(r).expire();
}

void time_limit::expire() noexcept {
  stage_.store(stage::expiring, std::memory_order_relaxed);
  cancel_.ask(*task_);
}

bool time_limit::leave(const std::exception_ptr& error) noexcept {
  if (task_->limits != most_limits) --task_->limits;
  stop_timer();
  if (current() != stage::expiring) {
    cancel_.leave(*task_);
    stage_.store(stage::finished, std::memory_order_relaxed);
    return false;
  }
  // asyncio: a block that never suspends is not cancelled by a deadline in the past.
  const bool in_vain = overdue_ && cancel_.is_undelivered(*task_);
  const unsigned others = cancel_.take_back(*task_);
  cancel_.leave(*task_);
  stage_.store(in_vain ? stage::finished : stage::expired, std::memory_order_relaxed);
  return !in_vain && others <= cancels_before_ && caught_as<cancelled_error>(error) != nullptr;
}

void time_limit::check_active() const {
  const stage now = current();
  if (now == stage::active) return;
  if (now == stage::created) throw error("Timeout has not been entered");
  throw error(std::string("Cannot change state of ") + name_of(now) + " Timeout");
}

void time_limit::reschedule(std::optional<std::int64_t> deadline) {
  check_active();
  home& here = running_home("timeout_scope::reschedule");
  if (here.family() != task_->at().family()) {
    throw foreign_runtime("timeout_scope::reschedule: the scope belongs to a task of another runtime");
  }
  stop_timer();
  check_active();  // the timer may have come first
  when_ = limit_spec::until(deadline);
  if (deadline) arm(here, now_of(here));
}

std::optional<std::int64_t> deadline_from_now(std::optional<std::int64_t> delay, const char* call) {
  if (!delay) return std::nullopt;
  return deadline_after(now_of(running_home(call)), *delay);
}

namespace {
coro<> nothing() { co_return; }
}  // namespace

coro<> expire_unbegun() { return wait_for_expired<void>(nothing()); }

}  // namespace detail

void timeout_scope::enter() {
  const std::lock_guard hold(guard_);
  limit_.enter();
}

bool timeout_scope::leave(const std::exception_ptr& error) noexcept {
  const std::lock_guard hold(guard_);
  return limit_.leave(error);
}

void timeout_scope::abandon() noexcept {
  const std::lock_guard hold(guard_);
  limit_.abandon();
}

std::optional<timeout_scope::time_point> timeout_scope::when() const noexcept {
  const std::lock_guard hold(guard_);
  const std::optional<std::int64_t> deadline = limit_.deadline();
  return deadline ? std::optional(time_point(std::chrono::nanoseconds(*deadline))) : std::nullopt;
}

void timeout_scope::reschedule(std::optional<time_point> when) {
  const std::lock_guard hold(guard_);
  limit_.reschedule(ns_of(when));
}

coro<timeout_scope&> timeout_scope::aenter() {
  enter();
  co_return *this;
}

coro<bool> timeout_scope::aexit(std::exception_ptr error) {
  if (!leave(error)) co_return false;
  try {
    std::rethrow_exception(std::move(error));
  } catch (...) {
    detail::throw_timed_out();
  }
}

void timeout_scope::append_text(std::string& out) const {
  const auto stage = limit_.current();
  out += "<Timeout [";
  out += detail::name_of(stage);
  out += ']';
  if (stage == detail::time_limit::stage::active) {
    out += " when=";
    if (const auto deadline = when(); deadline) {
      constexpr double milliseconds = 1000;
      const double seconds = std::chrono::duration<double>(deadline->time_since_epoch()).count();
      detail::append_double(out, std::round(seconds * milliseconds) / milliseconds);
    } else {
      out += "None";
    }
  }
  out += '>';
}

}  // namespace gyre
