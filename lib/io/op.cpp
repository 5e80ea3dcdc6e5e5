// SPDX-License-Identifier: BSL-1.0
#include "../loop/loop_core.hpp"
#include "../loop/reactor.hpp"

#include <gyre/io/op.hpp>

namespace gyre::detail {
namespace {

constexpr unsigned most_ends_at_once = 16;

// Operations that ended inside their initiation in one step of this thread's loop.
struct ends_at_once {
  const loop_core* loop = nullptr;
  std::uint64_t step = 0;
  unsigned count = 0;
};

ends_at_once& ends_in_this_step() noexcept {
  thread_local ends_at_once ends;
  return ends;
}

}  // namespace

bool io_wait::admits_end_at_once() const noexcept {
  if (task_->state.cancel_pending()) return false;
  const auto& here = static_cast<const loop_core&>(*this_thread().loop);
  const std::uint64_t step = here.steps.load(std::memory_order_relaxed);
  ends_at_once& ends = ends_in_this_step();
  if (ends.loop != &here || ends.step != step) ends = ends_at_once{&here, step, 0};
  return ++ends.count <= most_ends_at_once;
}

void io_wait::begin(task_core& t, std::coroutine_handle<> at) noexcept {
  task_ = &t;
  t.resume_point = at;
  t.note_wait(wait_reason::io, nullptr);
  t.check = this;
}

bool io_wait::park() noexcept {
  if (task_->state.park()) return true;
  if (task_->state.take_notified()) return false;
  return cancel_and_park();  // a cancel was pending
}

// What mostly follows is a read of the answer, which is not there yet: a system call in vain, and a pass through the reactor.
// The steps of others give the peer its time. In asyncio's order what ends at once is part of the step, as drain() is. And a
// task that may be stolen stays: it would read on a loop that does not have its socket.
bool io_wait::step_back() noexcept {
  task_core& t = *task_;
  const auto& here = static_cast<const loop_core&>(*this_thread().loop);
  if (here.asyncio_order() || !here.queues_behind_others(t)) return false;
  t.check = nullptr;
  t.state.yield();
  t.at().enqueue(t);
  return true;
}

bool io_wait::may_resume(task_core& t) noexcept {
  // Resumed by the handler's claim, unless a cancel ended the wait. A deaf wait only the handler can have ended.
  if (cancelling_ || !t.state.wait_ended_by_cancel()) return true;
  if (t.state.take_notified()) return true;
  return !cancel_and_park();
}

// True if the task parked, to be woken by the last of the parts.
bool io_wait::cancel_and_park() noexcept {
  task_core& t = *task_;
  cancelling_ = true;
  send_cancel();
  if (t.state.park(task_state::wait_kind::deaf)) return true;
  t.state.take_notified();
  return false;
}

void io_wait::send_cancel() noexcept {
  loop_core& where = reactor_loop();
  if (where.on_own_thread()) {
    auto* r = dynamic_cast<reactor*>(&where.sleep_place());
    if (r != nullptr) r->enter();
    if (parts_.any()) emit_cancel();
    if (r != nullptr) r->leave();
    return;
  }
  // The handler may run at this very moment: the message is sent only while the handler's part is still open.
  if (parts_.add()) where.post(*this);
}

void io_wait::emit_in_turn(runnable& r, fate f) noexcept {
  auto& self = static_cast<io_wait&>(r);
  if (f == fate::runs) {
    auto* inside = dynamic_cast<reactor*>(&self.reactor_loop().sleep_place());
    if (inside != nullptr) inside->enter();
    if (self.parts_.any_but_one()) self.emit_cancel();  // the handler has not run yet
    if (inside != nullptr) inside->leave();
  }
  self.part_done();
}

void io_wait::handler_ran() noexcept { part_done(); }

void io_wait::part_done() noexcept {
  task_core& t = *task_;
  if (!parts_.end()) return;
  if (t.state.notify()) t.at().enqueue(t);  // a stealable task goes on where its I/O is
}

void io_wait::finish() {
  task_core& t = *task_;
  t.check = nullptr;
  throw_if_cancelled(t);
}

}  // namespace gyre::detail
