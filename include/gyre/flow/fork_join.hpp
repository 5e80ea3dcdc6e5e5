// SPDX-License-Identifier: BSL-1.0
#pragma once
// gather over fresh coroutines as a fork-join: children are entered by transfer, siblings wait where thieves take them.
// Layer: flow.  Bodies: lib/flow/fork_join.cpp
//
// One pooled block holds a gather: the count, the children, the results. Nothing of a child lives in the parent's frame,
// because siblings of a failed child outlive the gather.
//
// Who continues the parent is decided in fork_debts.hpp: by transfer, or by an enqueue at home if the parent is pinned. A
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
  fork_child(fork_block& owner, std::uint32_t number, std::coroutine_handle<> root, home& at_first) noexcept
      : task_core(type_of, root, task_bits::running),
        block(owner),
        index(number),
        defined(promise_base::of(root).line) {
    move_to(at_first);
  }

  fork_block& block;
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
  fork_block(const operations& ops, bool collect_errors) noexcept : join_head(ops), collect_errors_(collect_errors) {}

  /// Starts the children, first to last, on this thread. `at` is the parent's frame. Returns what runs next.
  [[nodiscard]] std::coroutine_handle<> start(task_core& parent, std::coroutine_handle<> at, fork_child* children,
                                              std::uint32_t count) noexcept;

  /// A child has ended; its frame is gone.
  [[nodiscard]] std::coroutine_handle<> child_ended(fork_child& c, bool failed) noexcept;

  /// In the resumed parent: throws what the gather failed with, and the cancel that it is to end with.
  void check_and_leave_on_error();

  /// Copies the chains of the tasks above a child that is still, as task_type says.
  static void climb(fork_child& c, stack_capture& out) noexcept;

  /// The parent's frame is destroyed in mid-gather, by a loop that closes: the children go first. Or the orphans alone.
  void abandon() noexcept;

 protected:
  static void abandon_block(join_head& head) noexcept { static_cast<fork_block&>(head).abandon(); }

 private:
  [[nodiscard]] std::coroutine_handle<> run_other(fork_child* other) noexcept;
  [[nodiscard]] std::coroutine_handle<> continue_parent() noexcept;
  [[nodiscard]] std::coroutine_handle<> enter(fork_child& c) noexcept;
  void push(fork_child& c) noexcept;
  void leave_after_failure(bool cancelled) noexcept;
  [[nodiscard]] fork_child& at(std::uint32_t i) noexcept { return static_cast<fork_child&>(child(i)); }

  task_core* parent_ = nullptr;
  std::coroutine_handle<> parent_at_ = nullptr;
  home* listed_at_ = nullptr;  // who lists the orphans
  context_map_ref context_;    // the parent's, for the children
  basic_fork_debts<fork_child> debts_;
  bool collect_errors_;
};

/// Whether the task `t` may run its gathers as fork-joins: not pinned (main is only tied to its thread), not in asyncio
/// order, no cancel pending.
[[nodiscard]] inline bool may_fork(const task_core& t, const thread_state& thread) noexcept {
  return thread.forks != nullptr && (!t.state.is_pinned() || t.state.is_main()) && !t.state.cancel_pending();
}

/// The block of gather(coro<Ts>...).
template <class... Ts>
class tuple_fork final : public fork_block {
 public:
  static constexpr std::size_t count = sizeof...(Ts);

  static tuple_fork* make(bool collect_errors) {
    static_assert(sizeof(tuple_fork) <= largest_stable_cell, "too many coroutines in one gather(): use a vector");
    return new (pool_allocate(sizeof(tuple_fork), cell_use::stable)) tuple_fork(collect_errors);
  }

  /// Takes the coroutines' frames over and starts them.
  template <class... Frames>
  [[nodiscard]] std::coroutine_handle<> launch(task_core& parent, std::coroutine_handle<> at, home& here,
                                               Frames... frames) noexcept {
    bind(parent, here, std::index_sequence_for<Ts...>(), frames...);
    return start(parent, at, children(), count);
  }

  std::tuple<result_slot<Ts>...> results;

 private:
  explicit tuple_fork(bool collect_errors) noexcept : fork_block(ops, collect_errors) {}

  template <std::size_t... I, class... Frames>
  void bind(task_core&, home& here, std::index_sequence<I...>, Frames... frames) noexcept {
    const auto one = [&](std::uint32_t i, auto frame, result_base& slot) {
      auto* c = new (children() + i) fork_child(*this, i, frame, here);
      frame.promise().task = c;
      frame.promise().slot = &slot;
    };
    (one(I, frames, std::get<I>(results)), ...);
  }

  [[nodiscard]] fork_child* children() noexcept { return reinterpret_cast<fork_child*>(memory_); }

  static void free_block(join_head& head) noexcept {
    auto& self = static_cast<tuple_fork&>(head);
    std::destroy_n(self.children(), count);
    std::destroy_at(&self);
    pool_deallocate(&self, sizeof(tuple_fork), cell_use::stable);
  }
  template <std::size_t... I>
  void append_one(std::uint32_t child, std::string& out, std::index_sequence<I...>) const {
    static_cast<void>(((I == child ? (append_value(out, std::get<I>(results).value()), true) : false) || ...));
  }
  template <std::size_t... I>
  result_base* slot_of(std::uint32_t child, std::index_sequence<I...>) noexcept {
    result_base* found = nullptr;
    static_cast<void>(((I == child ? (found = &std::get<I>(results), true) : false) || ...));
    return found;
  }
  static constexpr std::index_sequence_for<Ts...> indices{};
  static constexpr operations ops{
      &free_block, &fork_block::abandon_block,
      [](join_head& head, std::uint32_t child) -> result_base& {
        return *static_cast<tuple_fork&>(head).slot_of(child, indices);
      },
      [](const join_head& head, std::uint32_t child, std::string& out) {
        static_cast<const tuple_fork&>(head).append_one(child, out, indices);
      }};

  alignas(fork_child) std::byte memory_[sizeof(fork_child) * count];
};

/// The block of gather(vector of coro<T>). The arrays are separate: only the head needs stable memory.
template <class T>
class vector_fork final : public fork_block {
 public:
  static vector_fork* make(bool collect_errors, std::size_t n) {
    void* memory = pool_allocate(sizeof(vector_fork), cell_use::stable);
    try {
      return new (memory) vector_fork(collect_errors, n);
    } catch (...) {
      pool_deallocate(memory, sizeof(vector_fork), cell_use::stable);
      throw;
    }
  }

  [[nodiscard]] std::coroutine_handle<> launch(task_core& parent, std::coroutine_handle<> at, home& here,
                                               std::vector<coro<T>>& bodies) noexcept {
    for (std::uint32_t i = 0; i < count_; ++i) {
      const auto frame = bodies[i].consume("gather");
      auto* c = new (children_ + i) fork_child(*this, i, frame, here);
      frame.promise().task = c;
      frame.promise().slot = &results[i];
    }
    return start(parent, at, children_, count_);
  }

  result_slot<T>* results;

 private:
  vector_fork(bool collect_errors, std::size_t n)
      : fork_block(ops, collect_errors), count_(static_cast<std::uint32_t>(n)) {
    children_ = static_cast<fork_child*>(pool_allocate(bytes()));
    results = reinterpret_cast<result_slot<T>*>(reinterpret_cast<std::byte*>(children_) + slots_at());
    std::uninitialized_default_construct_n(results, n);
  }

  [[nodiscard]] std::size_t slots_at() const noexcept {
    constexpr std::size_t a = alignof(result_slot<T>);
    return (sizeof(fork_child) * count_ + a - 1) / a * a;
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return slots_at() + sizeof(result_slot<T>) * count_; }

  static void free_block(join_head& head) noexcept {
    auto& self = static_cast<vector_fork&>(head);
    std::destroy_n(self.results, self.count_);
    std::destroy_n(self.children_, self.count_);
    pool_deallocate(self.children_, self.bytes());
    std::destroy_at(&self);
    pool_deallocate(&self, sizeof(vector_fork), cell_use::stable);
  }
  static constexpr operations ops{
      &free_block, &fork_block::abandon_block,
      [](join_head& head, std::uint32_t child) -> result_base& {
        return static_cast<vector_fork&>(head).results[child];
      },
      [](const join_head& head, std::uint32_t child, std::string& out) {
        append_value(out, static_cast<const vector_fork&>(head).results[child].value());
      }};

  fork_child* children_ = nullptr;
  std::uint32_t count_;
};

}  // namespace gyre::detail
