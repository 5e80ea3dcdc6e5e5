// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/sync/barrier.hpp>

// asyncio builds its barrier of a condition: every change of state wakes all who wait, inside and outside, and each looks
// again and waits anew, at the end of the list, if the change was none for it. The same happens here, with the second look
// in may_resume, so that who finds nothing new parks again without waking its coroutine. Where asyncio passes a
// notification on, after a cancel, one waiter looks again as well: all this decides the order in which tasks get into the
// next round.
//
// A passage goes outside -> inside -> through. Its index is its place among those who are inside when the last one comes:
// whoever leaves before that leaves no gap.

namespace gyre {

using detail::barrier_awaiter;
using detail::wake_list;

namespace {

std::size_t checked(std::ptrdiff_t parties) {
  if (parties < 1) throw value_error("parties must be > 0");
  return static_cast<std::size_t>(parties);
}

}  // namespace

barrier::barrier(std::ptrdiff_t parties) : parties_(checked(parties)) {}

barrier::~barrier() { GYRE_ASSERT(waiters_.empty(), "a barrier is destroyed while tasks wait for it"); }

coro<std::size_t> barrier::wait() { co_return co_await barrier_awaiter(*this); }

coro<> barrier::reset() {
  change(false);
  co_return;
}

coro<> barrier::abort() {
  change(true);
  co_return;
}

void barrier::change(bool breaks) noexcept {
  wake_list woken;
  const std::lock_guard hold(guard_);
  state_ = breaks ? state::broken : inside_ > 0 ? state::resetting : state::filling;
  waiters_.grant_all(woken);
}

coro<bool> barrier::aexit(std::exception_ptr) { co_return false; }

std::ptrdiff_t barrier::n_waiting() const noexcept {
  const std::lock_guard hold(guard_);
  return state_ == state::filling ? static_cast<std::ptrdiff_t>(inside_) : 0;
}

bool barrier::broken() const noexcept {
  const std::lock_guard hold(guard_);
  return state_ == state::broken;
}

void barrier::append_text(std::string& out) const {
  static constexpr const char* names[] = {"filling", "draining", "resetting", "broken"};
  std::unique_lock hold(guard_);
  const state now = state_;
  const std::size_t waiting = now == state::filling ? inside_ : 0;
  hold.unlock();
  out += "<Barrier [";
  out += names[static_cast<std::size_t>(now)];
  if (now != state::broken) {
    out += ", waiters:";
    detail::append_unsigned(out, waiting);
    out += '/';
    detail::append_unsigned(out, parties_);
  }
  out += "]>";
}

// Takes `p` as far as the state lets it. It has to wait if it is still outside or inside then.
void barrier::advance(passage& p, wake_list& woken) noexcept {
  using stage = passage::stage;
  if (p.stage_ == stage::outside) {
    if (state_ == state::broken) {
      p.stage_ = stage::refused;
    } else if (state_ == state::filling) {
      enter(p, woken);
    }
  } else if (state_ != state::filling) {
    p.stage_ = state_ == state::draining ? stage::through : stage::broken;
    leave(p, woken);
  }
}

void barrier::enter(passage& p, wake_list& woken) noexcept {
  p.stage_ = passage::stage::inside;
  places_.push_back(p);
  if (++inside_ < parties_) return;
  std::size_t index = 0;
  places_.for_each([&index](passage& each) { each.index_ = index++; });
  state_ = state::draining;
  waiters_.grant_all(woken);
  p.stage_ = passage::stage::through;
  leave(p, woken);
}

void barrier::leave(passage& p, wake_list& woken) noexcept {
  if (give_up_place(p)) waiters_.grant_all(woken);
}

bool barrier::give_up_place(passage& p) noexcept {
  p.unlink();
  if (--inside_ > 0) return false;
  if (state_ != state::broken) state_ = state::filling;
  return true;
}

namespace detail {

bool barrier_awaiter::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  interruption_point();
  wake_list woken;
  std::unique_lock hold(barrier_.guard_);
  barrier_.advance(*this, woken);
  if (!waits()) return false;
  t.check = this;
  t.note_wait(wait_reason::barrier, &barrier_);
  wait_in(barrier_.waiters_, node_, hold, t, at);
  return true;
}

bool barrier_awaiter::may_resume(task_core& t) noexcept {
  wake_list woken;
  std::unique_lock hold(barrier_.guard_);
  barrier_.waiters_.remove(node_);
  if (t.state.take_cancel()) {  // taken here: nobody may withdraw it until await_resume() throws
    const bool was_inside = stage_ == stage::inside;
    stage_ = stage::cancelled;
    barrier_.waiters_.grant_next(woken);
    if (was_inside) barrier_.leave(*this, woken);
  } else {
    barrier_.advance(*this, woken);
  }
  if (!waits()) {
    t.check = nullptr;
    return true;
  }
  wait_in(barrier_.waiters_, node_, hold, t, t.resume_point);
  return false;
}

// A round that is full, or ends in errors, leaves at once; then who waits outside gets in.
const char* barrier_awaiter::lost() const noexcept {
  if (stage_ == stage::outside) return "waits outside a barrier";
  if (barrier_.state_ != barrier::state::filling) return "waits inside a barrier that does not fill";
  if (barrier_.inside_ >= barrier_.parties_) return "waits inside a barrier that is filled";
  return lost_in(barrier_.waiters_);
}

std::size_t barrier_awaiter::await_resume() {
  switch (stage_) {
    case stage::cancelled:
      node_.task->throw_cancelled();
    case stage::refused:
      throw broken_barrier_error("Barrier aborted");
    case stage::broken:
      throw broken_barrier_error("Abort or reset of barrier");
    default:
      return index_;
  }
}

// In a frame that is destroyed in mid-wait nobody is woken, but the count stays right.
barrier_awaiter::~barrier_awaiter() {
  if (!node_.in_wait) return;
  const std::lock_guard hold(barrier_.guard_);
  barrier_.waiters_.remove(node_);
  if (stage_ == stage::inside) static_cast<void>(barrier_.give_up_place(*this));
}

}  // namespace detail
}  // namespace gyre
