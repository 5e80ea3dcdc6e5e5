// SPDX-License-Identifier: BSL-1.0
#pragma once
// gather over fresh coroutines as a fork-join: children are entered by transfer, siblings wait where thieves take them.
// Layer: flow.  Bodies: lib/flow/fork_join.cpp
//
// One pooled block holds a gather: the count, the children, the results. Nothing of a child lives in the parent's frame,
// because siblings of a failed child outlive the gather.
//
// Who continues the parent is decided in fork_debts.hpp: by transfer, or by an enqueue at home if the parent is pinned. When
// the turn is over it waits where the children do, as the newest, so that the deepest gather goes on first. A
// failed child resumes it at once; while its siblings run on, the parent's loop lists the orphans' block.
#include <gyre/base/text.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/frame_stack.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/flow/fork_debts.hpp>
#include <gyre/flow/shown_record.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <tuple>
#include <vector>

namespace gyre::detail {

class fork_block;

/// A child that runs as part of a gather; to its own code it is a task like any other.
class fork_child final : public task_core {
 public:
  fork_child(fork_block& owner, std::uint32_t number, std::coroutine_handle<> root, home& at_first) noexcept;

  /// One that has ended begins again, as the same child of another gather of the same kind.
  void restart(std::coroutine_handle<> root, home& at_first) noexcept {
    task_core::restart(root);
    debt = 1;
    defined = promise_base::of(root).line;
    move_to(at_first);
  }

  fork_block& block;
  fork_child* const next;  // the sibling that the owner of the deque finds when this one has ended; itself: none
  std::uint32_t index;
  std::uint32_t debt = 1;                 // the running thread's
  basic_shown_record<task_record> shown;  // the record, once somebody wanted a handle; under a lock of fork_join.cpp
  std::source_location defined;           // a copy: others may ask for it when the frame has gone

 private:
  friend class fork_block;
  static const task_type type_of;
};

class fork_block : public join_head {
 public:
  /// `at` is the parent's frame. The children are made next, in their array.
  fork_block(const operations& ops, bool collect_errors, task_core& parent, std::coroutine_handle<> at,
             fork_child* children, std::uint32_t count) noexcept
      : join_head(ops, children, sizeof(fork_child), count),
        parent_(&parent),
        parent_at_(at),
        debts_(count),
        collect_errors_(collect_errors) {}

  /// Starts the children, first to last, on this thread, which is `quick`. Returns what runs next.
  [[nodiscard]] [[gnu::always_inline]] std::coroutine_handle<> start(thread_state& thread, fork_child* first,
                                                                     std::uint32_t count, task_core& parent,
                                                                     std::coroutine_handle<> at) noexcept {
    assume_membarrier_works();
    if (!parent.context.is_unset()) [[unlikely]]
      return start_with_care(thread);
    parent.resume_point = at;
    basic_join::open(parent.join);
    if (parent.state.cancel_pending()) [[unlikely]]
      return start_cancelled(thread);
    for (fork_child* c = first + count; --c != first;) {
      if (!thread.forks->push_if_room(c)) [[unlikely]]
        return start_from(thread, c->index);
    }
    if (wants_thieves(thread)) [[unlikely]]
      return start_with_thieves(thread);
    thread.current = first;  // begins at once: a cancel that comes now finds it running
    return first->resume_point;
  }
  /// The same on any thread that has a deque.
  [[nodiscard]] std::coroutine_handle<> start_with_care(thread_state& thread) noexcept;

  /// The body of a child has ended; its frame is gone, or goes by itself. What runs next is left in `thread.next`.
  static void finish(thread_state& thread, fork_child& c, result_base& outcome) noexcept;

  /// In the resumed parent: true if all children have ended, and the block is the parent's alone, see basic_join. Else
  /// check_and_leave_on_error() says more, and after it comes leave().
  [[nodiscard]] [[gnu::always_inline]] bool ends_quietly() noexcept {
    if (debts_.failed() != nullptr) [[unlikely]]
      return false;
    task_core& parent = *parent_;
    return close(parent.join) && !parent.state.cancel_pending();
  }
  /// Throws what the gather failed with, and the cancel that it is to end with.
  void check_and_leave_on_error();

  /// Puts a child, or a parent that is to go on later, where thieves take it. After the pushes they are told: one that comes
  /// wakes the next one itself, so that once is enough for all.
  static void push(thread_state& thread, task_core& t) noexcept {
    if (!thread.forks->push_if_room(&t)) [[unlikely]]
      push_with_care(thread, t);
  }
  static void tell_thieves(thread_state& thread) noexcept {
    if (wants_thieves(thread)) [[unlikely]]
      thread.loop->tell_peers();
  }

  /// Copies the chains of the tasks above a child that is still, as task_type says.
  static void climb(fork_child& c, stack_capture& out) noexcept;

  /// Whether `t` is a child whose parent waits for it: a cancel reaches it from there. No more once that has gone on, because
  /// another child has failed.   Thread: any, while the caller holds the task.
  [[nodiscard]] static bool has_waiting_parent(const task_core& t) noexcept;

  /// The parent's frame is destroyed in mid-gather, by a loop that closes: the children go first. Or the orphans alone.
  void abandon() noexcept;

 protected:
  /// The block of a gather that left nothing behind serves another one of the same kind.
  void restart(bool collect_errors, task_core& parent, std::coroutine_handle<> at, std::uint32_t count) noexcept {
    join_head::restart();
    parent_ = &parent;
    parent_at_ = at;
    debts_.restart(count);
    collect_errors_ = collect_errors;
  }

  static void abandon_block(join_head& head) noexcept { static_cast<fork_block&>(head).abandon(); }

 private:
  // These leave what runs next in `thread.next`. `in_turn`: one more transfer has been taken from the turn's budget.
  void child_ended(thread_state& thread, fork_child& c, bool in_turn) noexcept;
  void settle(thread_state& thread, fork_child& c, task_core* other, bool in_turn) noexcept;
  void child_ended_with_care(thread_state& thread, fork_child& c, result_base& outcome) noexcept;
  void child_ended_shown(thread_state& thread, fork_child& c, result_base& outcome) noexcept;
  static void run_other(thread_state& thread, task_core& other, bool in_turn) noexcept;
  void continue_parent(thread_state& thread, bool in_turn) noexcept;
  void continue_later(thread_state& thread) noexcept;
  /// What came from push() goes on with this thread: a child begins.
  static void enter(thread_state& thread, task_core& t) noexcept {
    if (!thread.quick || !t.state.is_untouched()) [[unlikely]]
      return enter_with_care(thread, t);
    thread.current = &t;
    thread.next = t.resume_point;
  }
  [[nodiscard]] static bool wants_thieves(const thread_state& thread) noexcept {
    return thread.idle != nullptr && idle_bits::wants_work_after_push(*thread.idle);
  }
  // The rest of enter() and of start(), where something is to be done that is rare.
  static void enter_with_care(thread_state& thread, task_core& t) noexcept;
  [[nodiscard]] std::coroutine_handle<> start_cancelled(thread_state& thread) noexcept;
  [[nodiscard]] std::coroutine_handle<> start_from(thread_state& thread, std::uint32_t last) noexcept;
  [[nodiscard]] std::coroutine_handle<> start_with_thieves(thread_state& thread) noexcept;
  static void push_with_care(thread_state& thread, task_core& t) noexcept;

  void lend_context() noexcept;
  [[noreturn]] void throw_failure();
  void leave_after_failure(bool cancelled) noexcept;
  [[nodiscard]] fork_child& at(std::uint32_t i) noexcept { return static_cast<fork_child&>(child(i)); }

  task_core* parent_;
  std::coroutine_handle<> parent_at_;
  home* listed_at_ = nullptr;  // who lists the orphans
  context_map_ref context_;    // the parent's, for the children
  basic_fork_debts<fork_child> debts_;
  bool collect_errors_;
};

inline fork_child::fork_child(fork_block& owner, std::uint32_t number, std::coroutine_handle<> root,
                              home& at_first) noexcept
    : task_core(type_of, root, task_bits::running),
      block(owner),
      next(number + 1 < owner.child_count() ? this + 1 : this),
      index(number),
      defined(promise_base::of(root).line) {
  move_to(at_first);
}

/// Whether the task `t` may run its gathers as fork-joins, on a thread that has a deque: not pinned (main is only tied to its
/// thread), no cancel pending.
[[nodiscard]] inline bool may_fork(const task_core& t) noexcept {
  return t.state.is_free() || (t.state.is_main() && !t.state.cancel_pending());
}

}  // namespace gyre::detail

#include <gyre/flow/detail/fork_blocks.hpp>
