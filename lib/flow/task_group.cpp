// SPDX-License-Identifier: BSL-1.0
// State, under guard_ unless it says otherwise:
//
//   field              meaning                                        written by
//   unfinished_        places taken whose tasks are not done with     whoever starts or ends a task
//   running_           tasks that no abort has cancelled yet          the same; an abort moves them to cancelled_
//   cancelled_         tasks that an abort has cancelled              whoever aborts, or starts one while that goes on
//   failed_            ended tasks whose errors are to be thrown      who ends them
//   aborting_          no new tasks; all are cancelled                the first failed task, or the parent
//   cancelled_parent_  that failed task cancels the parent            the first failed task
//   exiting_           the body has ended                             the parent
//   waiting_           the parent, once it waits in the exit          the parent: it waits for nothing else from then on
//   cancel_            the cancel that leaves the scope               the parent; its alone
//   own_cancel_        the group's own cancel of the parent           the first failed task, before it counts itself down
//
// A failed task counts itself down only when it has cancelled its siblings and the parent: as long as anybody works for the
// group, unfinished_ is not 0, the parent does not leave, and the group does not go. Once it is 0 with the body ended it
// stays 0, since no place is given any more.
#include <gyre/base/assert.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/flow/task_group.hpp>

#include <mutex>

namespace gyre {
namespace detail {

// In asyncio's order the group hears of an end one step later, in its loop's turn; elsewhere at once, from any thread.
void group_child::report(completion_node& node, future_core&) noexcept {
  auto& self = static_cast<group_child&>(node);
  if (self.reports_at != nullptr) {
    self.reports_at->post(self);
  } else {
    self.group->child_done(self);
  }
}

void group_child::report_in_turn(runnable& r, fate f) noexcept {
  auto& self = static_cast<group_child&>(r);
  if (f == fate::runs) {
    self.group->child_done(self);
  } else if (self.group != nullptr) {
    self.group->child_dropped(self);
  } else {
    delete &self;
  }
}

// The group has a place for this task, so its parent has not left.
bool group_child::note_awaiters(completion_node& node, awaiter_list& out) noexcept {
  return out.add(*static_cast<group_child&>(node).group->parent_);
}

const node_kind group_child::kind{"TaskGroup._on_task_done()", &note_awaiters};

bool group_wait::await_ready() const noexcept {
  const std::lock_guard hold(group_.guard_);
  return group_.unfinished_ == 0;
}

bool group_wait::suspend(task_core& t, std::coroutine_handle<> at) noexcept {
  interruption_point();
  bool parked = false;
  {
    const std::lock_guard hold(group_.guard_);
    if (group_.unfinished_ == 0) return false;
    suspended_ = true;
    t.resume_point = at;
    t.note_wait(wait_reason::group, &group_);
    parked = t.park_or_yield();
    if (parked) group_.waiting_ = &t;
  }
  t.leave(parked);
  return true;
}

bool group_wait::await_resume() {
  if (!std::exchange(suspended_, false)) return false;
  group_.parent_resumed();
  return true;
}

group_wait::~group_wait() {
  if (!suspended_) return;  // else the frame is destroyed in mid-wait
  const std::lock_guard hold(group_.guard_);
  group_.waiting_ = nullptr;
}

// Whoever starts a task, or ends one, is at work: each place is that of a task that has not ended.
const char* lost_at(const task_group& group) noexcept {
  std::size_t unended = 0;
  const auto count = [&unended](const group_child& each) { unended += each.task->done() ? 0 : 1; };
  using list = intrusive_list<group_child, group_tag>;
  const_cast<list&>(group.running_).for_each(count);
  const_cast<list&>(group.cancelled_).for_each(count);
  if (unended == 0) return "waits for a task group whose tasks have ended";
  return unended == group.unfinished_ ? nullptr : "waits for a task group that does not count its tasks";
}

}  // namespace detail

task_group::task_group(task_group&& not_entered) noexcept {
  GYRE_ASSERT(!not_entered.entered_, "a task_group is moved after it was entered");
}

task_group::~task_group() {
  if (failed_.empty() && running_.empty() && cancelled_.empty()) return;
  GYRE_ASSERT(detail::this_thread().current == nullptr, "a task_group is destroyed while its tasks run");
  forsake(running_);
  forsake(cancelled_);
  while (!failed_.empty()) delete &failed_.pop_front();
}

// A closing loop destroys the parent before its tasks. Nothing runs any more.
void task_group::forsake(child_list& children) noexcept {
  while (!children.empty()) {
    detail::group_child& c = children.pop_front();
    if (c.task->remove(c)) {
      delete &c;
    } else {
      c.group = nullptr;  // it is in some ring, and will be dropped
    }
  }
}

void task_group::enter() {
  detail::home& here = detail::running_home("task_group");
  detail::task_core* me = detail::this_thread().current;
  if (me == nullptr) throw error("TaskGroup " + text() + " cannot determine the parent task");
  {
    const std::lock_guard hold(guard_);
    if (!entered_) {
      entered_ = true;
      parent_ = me;
      loop_ = &here;
      own_cancel_.enter(*me);
      in_order_ = here.asyncio_order() || (me->state.is_pinned() && !me->state.is_main());
      return;
    }
  }
  throw error("TaskGroup " + text() + " has already been entered");
}

task_group::place::place(task_group& group, const task_options& options)
    : group_(group), node_(new detail::group_child(group)) {
  group.reserve(options);
}

void task_group::reserve(const task_options& options) {
  const detail::home* const at = options.loop != nullptr ? &detail::home_of(*options.loop) : detail::this_thread().loop;
  const char* why = nullptr;
  {
    const std::lock_guard hold(guard_);
    if (!entered_) {
      why = " has not been entered";
    } else if (exiting_ && unfinished_ == 0) {
      why = " is finished";
    } else if (aborting_) {
      why = " is shutting down";
    } else if (at == nullptr || at == loop_ || at->family() == loop_->family()) {
      ++unfinished_;
      return;
    }
  }
  if (why == nullptr) {
    throw foreign_runtime("TaskGroup.create_task: the task is for a loop of another runtime" +
                          detail::in_running_task());
  }
  throw error("TaskGroup " + text() + why);
}

// The task may run by now, and it may have ended. It has its place from before an abort that has come since.
void task_group::adopt(detail::group_child& c, detail::core_ref<detail::future_core> task) noexcept {
  const auto& made = static_cast<detail::task_record&>(*task);
  if (const detail::task_core* core = made.core();
      in_order_ && core != nullptr && core->state.is_pinned() && &core->at() == loop_) {
    c.reports_at = loop_;
  }
  c.task = task;
  bool too_late = false;
  {
    const std::lock_guard hold(guard_);
    too_late = aborting_;
    (too_late ? cancelled_ : running_).push_back(c);
  }
  if (!task->add(c)) {
    child_done(c);
  } else if (too_late) {
    task->cancel({});
  }
}

void task_group::child_done(detail::group_child& c) noexcept {
  detail::future_core& ended = *c.task;
  const bool failed = ended.outcome() == detail::future_core::status::failed;
  bool fails_group = false;
  {
    const std::lock_guard hold(guard_);
    static_cast<detail::list_link<detail::group_tag>&>(c).unlink();
    if (failed) {
      failed_.push_back(c);
      ++errors_;
      if (base_error_ == nullptr && detail::ends_program(ended.slot().error)) base_error_ = ended.slot().error;
      fails_group = !aborting_;
      if (fails_group) aborting_ = cancelled_parent_ = true;
    }
  }
  if (failed) {
    ended.mark_retrieved();
  } else {
    delete &c;
  }
  if (fails_group) {
    cancel_children();
    own_cancel_.ask(*parent_);
  }
  one_less();
}

void task_group::child_dropped(detail::group_child& c) noexcept {
  {
    const std::lock_guard hold(guard_);
    static_cast<detail::list_link<detail::group_tag>&>(c).unlink();
  }
  delete &c;
}

// Last touch of whoever works for the group.
//
// Between claim and enqueue nothing keeps the parent's loop from closing, as wake_list::claim does for wakers from anywhere.
// Nothing has to: reserve() admits tasks of the parent's runtime only, so that whoever is here is a thread of that, which has
// ended when a loop of it is closed, or the closing thread itself.
void task_group::one_less() noexcept {
  detail::task_core* woken = nullptr;
  {
    const std::lock_guard hold(guard_);
    if (--unfinished_ != 0 || waiting_ == nullptr || !waiting_->state.claim()) return;
    woken = waiting_;
  }
  woken->at().enqueue(*woken);
}

bool task_group::start_abort() noexcept {
  const std::lock_guard hold(guard_);
  return !std::exchange(aborting_, true);
}

// Each task once. No lock is held while one is cancelled, and nothing is allocated for the walk.
void task_group::cancel_children() noexcept {
  for (;;) {
    std::unique_lock hold(guard_);
    if (running_.empty()) return;
    detail::group_child& c = running_.pop_front();
    cancelled_.push_back(c);
    const auto next = detail::core_ref<detail::future_core>::share(*c.task);  // a copy might be null to g++ 12 at -O1
    hold.unlock();
    if (!next->done()) next->cancel({});
  }
}

void task_group::parent_resumed() {
  if (!parent_->state.take_cancel() || !start_abort()) return;
  cancel_ = parent_->cancelled_end();
  cancel_children();
}

void task_group::begin_exit(const std::exception_ptr& error) noexcept {
  bool abort = false;
  {
    const std::lock_guard hold(guard_);
    exiting_ = true;
    if (error != nullptr) {
      if (base_error_ == nullptr && detail::ends_program(error)) base_error_ = error;
      abort = !std::exchange(aborting_, true);
    }
  }
  if (detail::caught_as<cancelled_error>(error) != nullptr) cancel_ = error;
  if (abort) cancel_children();
}

std::vector<std::exception_ptr> task_group::take_errors() {
  std::vector<std::exception_ptr> taken;
  taken.reserve(errors_ + 1);
  while (!failed_.empty()) {
    const std::unique_ptr<detail::group_child> c(&failed_.pop_front());
    taken.push_back(c->task->slot().error);
  }
  const std::lock_guard hold(guard_);
  errors_ = 0;
  return taken;
}

// All tasks have ended, and whoever worked for the group has done with it.
void task_group::finish_exit(const std::exception_ptr& error) {
  const std::exception_ptr cancel = std::exchange(cancel_, nullptr);
  const bool failed = errors_ != 0;
  std::vector<std::exception_ptr> errors = take_errors();
  if (base_error_ != nullptr) {
    own_cancel_.leave(*parent_);
    std::rethrow_exception(std::exchange(base_error_, nullptr));
  }
  bool cancelled = cancel != nullptr;
  if (cancelled_parent_ && own_cancel_.take_back(*parent_) == 0) cancelled = false;
  own_cancel_.leave(*parent_);
  if (cancelled && !failed) std::rethrow_exception(cancel);
  if (error != nullptr && detail::caught_as<cancelled_error>(error) == nullptr) errors.push_back(error);
  if (errors.empty()) {
    if (error != nullptr) std::rethrow_exception(error);
    return;
  }
  // The group's error goes before a cancel from outside. That stays asked for: the parent's next wait ends by it.
  static_cast<void>(parent_->state.repeat_cancel(detail::task_bits::cancel_requested | detail::task_bits::by_itself));
  throw exception_group("unhandled errors in a TaskGroup", std::move(errors));
}

coro<task_group&> task_group::aenter() {
  enter();
  co_return *this;
}

coro<bool> task_group::aexit(std::exception_ptr error) {
  begin_exit(error);
  while (co_await detail::group_wait(*this)) {
  }
  finish_exit(error);
  co_return false;
}

void task_group::append_state(std::string& out) const {
  out += "<TaskGroup";
  if (unfinished_ != 0) {
    out += " tasks=";
    detail::append_unsigned(out, unfinished_);
  }
  if (errors_ != 0) {
    out += " errors=";
    detail::append_unsigned(out, errors_);
  }
  if (aborting_) {
    out += " cancelling";
  } else if (entered_) {
    out += " entered";
  }
  out += '>';
}

void task_group::append_text(std::string& out) const {
  const std::lock_guard hold(guard_);
  append_state(out);
}

std::string task_group::text() const {
  std::string out;
  append_text(out);
  return out;
}

}  // namespace gyre
