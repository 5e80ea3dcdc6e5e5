// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/flow/fork_join.hpp>

#include <mutex>

namespace gyre::detail {
namespace {

// The record of a child that somebody wanted a handle of. It pins the block, in which the child lives.
class child_record final : public task_record {
 public:
  child_record(fork_child& child, std::uint64_t number) noexcept : task_record(child.at(), result_), child_(&child) {
    number_ = number;
    defined_ = child.defined;
    body_ = &child;
    child.block.pin_alive();
  }

  using task_record::core;
  [[nodiscard]] const task_core* core() const noexcept override { return done() ? nullptr : child_; }
  [[nodiscard]] const task_core* producer() const noexcept override { return child_; }
  [[nodiscard]] home* where() const noexcept override { return home_after(done(), *child_); }

  // The child has ended. Its value belongs to the gather; what is kept is the outcome and how the value reads. Not
  // `readable`: the gather may be moving the value out at this moment.
  //
  // It gives no requests back (future_core::gives_back): none is handed on to it. Its handle is an any_task, which cannot be
  // awaited, so no waiter_node is in its list; gather, shield and wait hear its end by watchers, and keep what they are asked.
  void settle(const result_base& outcome, bool readable) noexcept {
    cancels_at_end_ = child_->state.cancelling();
    slot().error = outcome.error;
    mark_retrieved();  // the gather hands it on
    slot().has_value = outcome.has_value;
    if (slot().error == nullptr) {
      if (readable) {
        child_->block.append_result(child_->index, text_);
      } else {
        text_ = "...";
      }
    }
    complete();
  }

  void append_result(std::string& out) const override { out += text_; }

 private:
  ~child_record() override { child_->block.unpin(); }

  fork_child* child_;
  std::string text_;
  result_slot<unit> result_;
};

// For `shown` of all children: between reading the pointer and taking a reference, the child's own must not go. Handles
// of children are rare, and the sections are some instructions.
spin_lock shown_guard;

GYRE_NOINLINE void tell_end(task_record* shown, const result_base& outcome, bool readable) noexcept {
  if (shown == nullptr) return;
  static_cast<child_record*>(shown)->settle(outcome, readable);
  shown->release();  // the child's own reference
}

std::coroutine_handle<> finish_child(task_core& t, std::coroutine_handle<> frame) noexcept;
void finish_child_in_place(task_core& t, result_base& outcome) noexcept;

task_record* record_of(task_core& t) {
  auto& c = static_cast<fork_child&>(t);
  if (task_record* known = c.shown.find(shown_guard); known != nullptr) return known;
  core_ref<task_record> fresh(new child_record(c, c.at().next_task_number()));
  if (task_record* known = c.shown.show(*fresh, shown_guard); known != nullptr) return known;
  if (c.state.is_done()) tell_end(c.shown.take(shown_guard), c.block.slot(c.index), false);
  return fresh.release();
}

}  // namespace

const task_type fork_child::type_of{
    &finish_child,
    &finish_child_in_place,
    &record_of,
    [](task_core& t) noexcept { static_cast<fork_child&>(t).block.pin_alive(); },
    [](task_core& t) noexcept { static_cast<fork_child&>(t).block.unpin(); },
    [](task_core& t, stack_capture& out) noexcept { fork_block::climb(static_cast<fork_child&>(t), out); },
    [](task_core& t) noexcept { return static_cast<fork_child&>(t).shown.any(); }};

// Guards the way from a child up to its parents: a parent that goes on while children still run, because one has failed,
// takes itself off the block under it.
spin_lock ancestry_guard;

// `c` is still, so its parent waits for it, or has been resumed by a failure and is about to take the guard. The same
// holds for the parent's parent, and so on.
void fork_block::climb(fork_child& c, stack_capture& out) noexcept {
  const std::lock_guard hold(ancestry_guard);
  for (const fork_block* block = &c.block; block->parent_ != nullptr;) {
    task_core& parent = *block->parent_;
    out.add_level(parent, block->parent_at_);
    if (parent.type != &fork_child::type_of) return;
    block = &static_cast<fork_child&>(parent).block;
  }
}

bool fork_block::has_waiting_parent(const task_core& t) noexcept {
  if (t.type != &fork_child::type_of) return false;
  const std::lock_guard hold(ancestry_guard);
  return static_cast<const fork_child&>(t).block.parent_ != nullptr;
}

GYRE_NOINLINE void fork_block::push_with_care(thread_state& thread, task_core& t) noexcept {
  try {
    thread.forks->push(&t);
  } catch (const std::bad_alloc&) {
    if (!t.state.is_ready()) t.state.mark_unstarted();
    thread.loop->enqueue(t);  // intrusive in the end: cannot fail
  }
}

GYRE_NOINLINE void fork_block::enter_with_care(thread_state& thread, task_core& t) noexcept {
  const bool begun = t.state.is_ready();
  if (!begun && t.state.cancel_pending()) {
    t.state.mark_unstarted();
    thread.loop->enqueue(t);  // ends in a step of its own: many cancelled siblings must not nest
    return;
  }
  if (begun) {
    static_cast<void>(t.state.begin());
    t.move_to(*thread.loop);
  }
  thread.current = &t;
  trace(trace_event::step, t);
  thread.next = t.resume_point;
}

namespace {

[[nodiscard]] std::coroutine_handle<> take_next(thread_state& thread) noexcept {
  const std::coroutine_handle<> next = std::exchange(thread.next, nullptr);
  return next == nullptr ? std::noop_coroutine() : next;
}

}  // namespace

std::coroutine_handle<> fork_block::start_with_care(thread_state& thread) noexcept {
  task_core& parent = *parent_;
  if (!parent.context.is_unset()) lend_context();
  parent.resume_point = parent_at_;
  basic_join::open(parent.join);
  if (parent.state.cancel_pending()) return start_cancelled(thread);
  return start_from(thread, child_count() - 1);
}

GYRE_NOINLINE std::coroutine_handle<> fork_block::start_cancelled(thread_state& thread) noexcept {
  parent_->cancel_children_now();
  return start_from(thread, child_count() - 1);
}

// The children behind `last` are in the deque already.
GYRE_NOINLINE std::coroutine_handle<> fork_block::start_from(thread_state& thread, std::uint32_t last) noexcept {
  for (std::uint32_t i = last; i != 0; --i) push(thread, at(i));
  return start_with_thieves(thread);
}

GYRE_NOINLINE std::coroutine_handle<> fork_block::start_with_thieves(thread_state& thread) noexcept {
  tell_thieves(thread);
  enter(thread, at(0));
  return take_next(thread);
}

namespace {

// It came out of the deque, but something else has to run first.
GYRE_NOINLINE void put_back(thread_state& thread, task_core& t) noexcept {
  fork_block::push(thread, t);
  fork_block::tell_thieves(thread);
}

// One more transfer?
[[nodiscard]] bool goes_on(thread_state& thread) noexcept {
  return thread.spend() || (thread.loop->extend_turn(thread) && thread.spend());
}

}  // namespace

GYRE_NOINLINE void fork_block::lend_context() noexcept {
  context_ = parent_->context.map();
  if (context_ == nullptr) return;  // a context of its own, in which nothing is set
  touch();
  for (std::uint32_t i = 0; i < child_count(); ++i) at(i).context.borrow(context_.get());
}

// The turn is over, or the parent may go on only at home.
GYRE_NOINLINE void fork_block::continue_later(thread_state& thread) noexcept {
  task_core& parent = *parent_;
  thread.current = nullptr;
  const bool pinned = parent.state.is_pinned();
  parent.state.yield();
  if (pinned) {
    parent.at().enqueue(parent);
  } else {
    put_back(thread, parent);
  }
}

[[gnu::always_inline]] inline void fork_block::continue_parent(thread_state& thread, bool in_turn) noexcept {
  task_core& parent = *parent_;
  if (!in_turn || parent.state.is_pinned()) [[unlikely]]
    return continue_later(thread);
  thread.current = &parent;
  parent.move_to(*thread.loop);
  thread.next = parent_at_;
}

// What came out of the deque: the next sibling, or something of another gather.
[[gnu::always_inline]] inline void fork_block::run_other(thread_state& thread, task_core& other,
                                                         bool in_turn) noexcept {
  if (!in_turn) [[unlikely]]
    return put_back(thread, other);
  enter(thread, other);
}

// No sibling has come out of the deque, but maybe something else.
GYRE_NOINLINE void fork_block::settle(thread_state& thread, fork_child& c, task_core* other, bool in_turn) noexcept {
  using step = basic_fork_debts<fork_child>::step;
  const step next = debts_.settle(c);
  if (next == step::parent) {
    if (other != nullptr) put_back(thread, *other);
    return continue_parent(thread, in_turn);
  }
  if (next == step::free_block) {
    listed_at_->remove_orphans(*this);
    thread.forget_task();
    leave();
  }
  if (other != nullptr) run_other(thread, *other, in_turn);
}

[[gnu::always_inline]] inline void fork_block::child_ended(thread_state& thread, fork_child& c, bool in_turn) noexcept {
  if (debts_.owes_all(c)) return continue_parent(thread, in_turn);
  task_core* const found = thread.forks->pop();
  fork_child* const sibling = c.next;
  if (found != sibling) [[unlikely]]
    return settle(thread, c, found, in_turn);
  debts_.hand_on(c, *sibling);
  run_other(thread, *sibling, in_turn);
}

// A child that has been stopped, asked or changed on its way, or that failed, or with which the turn ends.
GYRE_NOINLINE void fork_block::child_ended_with_care(thread_state& thread, fork_child& c,
                                                     result_base& outcome) noexcept {
  trace(trace_event::done, c);
  if (outcome.error != nullptr || !c.state.is_untouched()) touch();
  static_cast<void>(c.end_with(outcome));
  const bool failed = outcome.error != nullptr;
  if (failed && ends_program(outcome.error)) c.at().end_program(outcome.error);
  if (c.shown.is_asked_at_end()) tell_end(c.shown.take(shown_guard), outcome, true);
  const bool in_turn = goes_on(thread);
  if (failed && !collect_errors_ && debts_.fail(c)) return continue_parent(thread, in_turn);
  child_ended(thread, c, in_turn);
}

GYRE_NOINLINE void fork_block::child_ended_shown(thread_state& thread, fork_child& c, result_base& outcome) noexcept {
  tell_end(c.shown.take(shown_guard), outcome, true);
  child_ended(thread, c, true);
}

// What is rare goes out of line by a tail call, so that nothing is saved on the way that is taken.
[[gnu::always_inline]] inline void fork_block::finish(thread_state& thread, fork_child& c,
                                                      result_base& outcome) noexcept {
  if (!thread.quick || outcome.error != nullptr || !c.state.is_untouched() || !thread.spend()) [[unlikely]] {
    return c.block.child_ended_with_care(thread, c, outcome);
  }
  assume_membarrier_works();
  c.state.finish_untouched();
  if (c.shown.is_asked_at_end()) [[unlikely]]
    return c.block.child_ended_shown(thread, c, outcome);
  c.block.child_ended(thread, c, true);
}

namespace {

// The body has ended. User code in the destructors of its parameters may look at the task until it is done.
std::coroutine_handle<> finish_child(task_core& t, std::coroutine_handle<> frame) noexcept {
  auto& c = static_cast<fork_child&>(t);
  result_base& outcome = *promise_base::of(frame).slot;
  c.resume_point = nullptr;
  frame.destroy();
  fork_block::finish(this_thread(), c, outcome);
  return take_next(this_thread());
}

void finish_child_in_place(task_core& t, result_base& outcome) noexcept {
  fork_block::finish(this_thread(), static_cast<fork_child&>(t), outcome);
}

}  // namespace

// The parent has read the error. From here on its children, if any still run, are orphans.
// An error that is a cancellation stands for a request, too, whose canceller is not through with the children yet.
void fork_block::leave_after_failure(bool cancelled) noexcept {
  task_core* parent = nullptr;
  {
    const std::lock_guard hold(ancestry_guard);
    parent = std::exchange(parent_, nullptr);
  }
  listed_at_ = &parent->at();
  listed_at_->add_orphans(*this);  // first: all_tasks() finds the children in one of the two places
  if (close_after_failure(parent->join, cancelled)) parent->state.note_taken();
  if (debts_.settle_for_failed()) {
    listed_at_->remove_orphans(*this);
    leave();
  }
}

void fork_block::throw_failure() {
  task_core& parent = *parent_;
  const std::exception_ptr error = slot(debts_.failed()->index).error;
  const auto* cancelled = caught_as<cancelled_error>(error);
  leave_after_failure(cancelled != nullptr);
  if (parent.state.take_cancel()) parent.throw_cancelled();
  if (cancelled != nullptr) throw cancelled_error(cancelled->what());
  std::rethrow_exception(error);
}

GYRE_NOINLINE void fork_block::check_and_leave_on_error() {
  if (debts_.failed() != nullptr) throw_failure();
  task_core& parent = *parent_;
  const bool asked = take_requests();
  if (asked) parent.state.note_taken();
  if (parent.state.take_cancel() || asked) {
    leave();
    parent.throw_cancelled();
  }
}

void fork_block::abandon() noexcept {
  touch();
  if (parent_ != nullptr) hide(parent_->join);
  for (std::uint32_t i = 0; i < child_count(); ++i) {
    fork_child& c = at(i);
    if (c.state.is_done()) continue;
    static_cast<void>(c.state.claim());  // an observer from outside may look at the wait at this moment
    c.state.finish();
    // In a pin_scope it may have been woken into a ring by another task that was abandoned.
    if (auto& entry = static_cast<list_link<>&>(c); entry.linked()) entry.unlink();
    promise_base::root_of(c.resume_point).destroy();
    if (task_record* record = c.shown.take(shown_guard); record != nullptr) record->release();
  }
  leave();
}

}  // namespace gyre::detail
