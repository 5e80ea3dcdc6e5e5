// SPDX-License-Identifier: BSL-1.0
#pragma once
// task_group: tasks that end before the scope that started them does.  Layer: flow.  Bodies: lib/flow/task_group.cpp
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/call.hpp>
#include <gyre/core/exception_group.hpp>
#include <gyre/core/task.hpp>
#include <gyre/flow/detail/scoped_body.hpp>
#include <gyre/flow/detail/time_limit.hpp>

#include <cstddef>
#include <memory>
#include <source_location>
#include <string>

namespace gyre {

class task_group;

namespace detail {

struct group_tag {};

/// The task of `fn(args...)`. Spelled out, so that a body may start its like.
template <class F, class... Args>
using started_task = task<typename started_coro<F, Args...>::value_type>;

/// One task of a group: an entry of the group's list and of the task's own.
class group_child final : public completion_node, public list_link<group_tag>, public pooled {
 public:
  explicit group_child(task_group& owner) noexcept : completion_node(&report, &report_in_turn, kind), group(&owner) {}

  task_group* group;  // null when the group has gone: only where a closing loop destroys everything
  core_ref<future_core> task;
  home* reports_at = nullptr;  // the loop in whose turn the group hears of the end; null: wherever the task ends

 private:
  static const node_kind kind;
  static void report(completion_node& node, future_core&) noexcept;
  static bool note_awaiters(completion_node& node, awaiter_list& out) noexcept;
  static void report_in_turn(runnable& r, fate f) noexcept;
};

/// Suspends the parent until its group has no task left, or a cancel comes. Gives whether it suspended: look again.
class [[nodiscard]] group_wait : public awaiter_base {
 public:
  explicit group_wait(task_group& group) noexcept : group_(group) {}
  group_wait(const group_wait&) = delete;
  group_wait& operator=(const group_wait&) = delete;
  ~group_wait();

  [[nodiscard]] bool await_ready() const noexcept;
  template <class Promise>
  [[nodiscard]] bool await_suspend(std::coroutine_handle<Promise> at) noexcept {
    return suspend(*at.promise().task, at);
  }
  bool await_resume();

 private:
  bool suspend(task_core& t, std::coroutine_handle<> at) noexcept;
  task_group& group_;
  bool suspended_ = false;
};

template <class R, class Group, class Source>
coro<R> run_group(Group group, Source source);

/// What the parent has lost that waits for its tasks, at a moment when no thread is at work; null if it waits rightly.
[[nodiscard]] const char* lost_at(const task_group& group) noexcept;

}  // namespace detail

/// A scope that ends when all tasks started in it have ended. The first that fails cancels the others and the body. Use it
/// through with_task_group(), or with(group, body).
///
/// Shape:   entered once, by a task, its parent. It may be moved until then.
/// Thread:  create_task(): tasks and callbacks of any loop of the runtime, as long as one of its tasks, or the body, runs.
/// Life:    outlives its body; the destructor asserts that none of its tasks runs.
/// Throws:  at the end: exception_group with the errors of its tasks and of the body, cancellations left out;
///          keyboard_interrupt or system_exit bare; cancelled_error if the parent was cancelled and nothing failed. A group
///          that fails while its parent is cancelled leaves that cancel pending.
/// Like:    asyncio.TaskGroup.
class task_group {
 public:
  task_group() noexcept {}
  task_group(task_group&& not_entered) noexcept;
  task_group& operator=(task_group&&) = delete;
  ~task_group();

  /// Starts `body` as a task of the group. The group cancels it when it fails or its parent is cancelled.
  ///
  /// Throws:  error if the group has not been entered, has ended or is shutting down, foreign_runtime if the task is for a loop
  ///          of another one: the body is then destroyed unrun; what gyre::create_task() throws.
  /// Cost:    one pooled object more than gyre::create_task().
  template <class T>
  task<T> create_task(coro<T> body, const task_options& options = task_options(),
                      std::source_location here = std::source_location::current());
  template <class T>
  task<T> create_task(const task_options& options, coro<T> body,
                      std::source_location here = std::source_location::current()) {
    return create_task(std::move(body), options, here);
  }
  template <detail::unawaited_call A>
  task<typename A::value_type> create_task(A call, const task_options& options = task_options(),
                                           std::source_location here = std::source_location::current()) {
    return create_task(detail::as_coro(std::move(call)), options, here);
  }
  /// Starts `fn(args...)`; both live as long as the task.
  template <class F, class... Args>
    requires detail::starts_coro<F, Args...>
  detail::started_task<F, Args...> create_task(F&& fn, Args&&... args);
  template <class F, class... Args>
    requires detail::starts_coro<F, Args...>
  detail::started_task<F, Args...> create_task(const task_options& options, F&& fn, Args&&... args);

  /// `<TaskGroup tasks=2 entered>`; `errors=1`, `cancelling`.
  void append_text(std::string& out) const;

  /// The way in and out, for with(); only the parent awaits them.   Throws: error if it was entered before.
  coro<task_group&> aenter();
  coro<bool> aexit(std::exception_ptr error);

 private:
  friend class detail::group_child;
  friend class detail::group_wait;
  friend const char* detail::lost_at(const task_group& group) noexcept;
  template <class R, class Group, class Source>
  friend coro<R> detail::run_group(Group group, Source source);
  using child_list = detail::intrusive_list<detail::group_child, detail::group_tag>;

  /// A task that is being made: the group does not end meanwhile.
  class place {
   public:
    place(task_group& group, const task_options& options);
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() {
      if (node_ != nullptr) group_.one_less();
    }
    void take(detail::core_ref<detail::future_core> task) noexcept { group_.adopt(*node_.release(), std::move(task)); }

   private:
    task_group& group_;
    std::unique_ptr<detail::group_child> node_;
  };

  void enter();
  void reserve(const task_options& options);
  void adopt(detail::group_child& c, detail::core_ref<detail::future_core> task) noexcept;
  void begin_exit(const std::exception_ptr& error) noexcept;
  void finish_exit(const std::exception_ptr& error);
  void parent_resumed();
  void child_done(detail::group_child& c) noexcept;
  void child_dropped(detail::group_child& c) noexcept;
  void one_less() noexcept;
  [[nodiscard]] bool start_abort() noexcept;
  void cancel_children() noexcept;
  void forsake(child_list& children) noexcept;
  [[nodiscard]] std::vector<std::exception_ptr> take_errors();
  [[nodiscard]] std::string text() const;
  void append_state(std::string& out) const;  // under guard_

  // See the table in the .cpp.
  mutable detail::spin_lock guard_;
  bool entered_ = false;
  bool exiting_ = false;
  bool aborting_ = false;
  bool cancelled_parent_ = false;
  bool in_order_ = false;
  std::size_t unfinished_ = 0;
  std::size_t errors_ = 0;
  detail::task_core* parent_ = nullptr;
  detail::task_core* waiting_ = nullptr;
  detail::home* loop_ = nullptr;
  child_list running_;
  child_list cancelled_;
  child_list failed_;
  std::exception_ptr base_error_;
  std::exception_ptr cancel_;
  detail::scope_cancel own_cancel_;
};

/// Runs `body(group, args...)` inside the calling task, waits for all tasks of the group, and gives the body's value.
///
/// Shape:   the body is a coroutine function that captures nothing, or `[&]` when awaited right here; it takes a task_group&.
/// Cancel:  goes to the body and to all tasks of the group, which are waited for.
/// Throws:  see task_group.   Cost: two pooled frames, the body's among them.   Like: async with asyncio.TaskGroup().
template <class F, class... Args>
auto with_task_group(F&& body, Args&&... args) {
  return detail::run_group<detail::scoped_value<F, task_group, Args...>>(
      task_group(), detail::keep_body(std::forward<F>(body), std::forward<Args>(args)...));
}

/// The same for a group that has a name, or was made for it.
template <class F>
auto with(task_group& group, F body) {
  return detail::run_group<detail::scoped_value<F, task_group>, task_group&>(group, detail::keep_body(std::move(body)));
}
template <class F>
auto with(task_group&& group, F body) {
  return detail::run_group<detail::scoped_value<F, task_group>>(std::move(group), detail::keep_body(std::move(body)));
}

template <class T>
task<T> task_group::create_task(coro<T> body, const task_options& options, std::source_location here) {
  try {
    place in_group(*this, options);
    task<T> made = gyre::create_task(std::move(body), options, here);
    in_group.take(made.shared("create_task"));
    return made;
  } catch (...) {
    body.close();  // if it is still here: nobody will run it
    throw;
  }
}

template <class F, class... Args>
  requires detail::starts_coro<F, Args...>
detail::started_task<F, Args...> task_group::create_task(F&& fn, Args&&... args) {
  return create_task(task_options(), std::forward<F>(fn), std::forward<Args>(args)...);
}

template <class F, class... Args>
  requires detail::starts_coro<F, Args...>
detail::started_task<F, Args...> task_group::create_task(const task_options& options, F&& fn, Args&&... args) {
  place in_group(*this, options);
  detail::started_task<F, Args...> made = gyre::create_task(options, std::forward<F>(fn), std::forward<Args>(args)...);
  in_group.take(made.shared("create_task"));
  return made;
}

namespace detail {

template <class R, class Group, class Source>
coro<R> run_group(Group group, Source source) {
  group.enter();
  kept_value<R> value;
  std::exception_ptr error;
  try {
    if constexpr (std::is_void_v<R>) {
      co_await source.begin(group);
    } else {
      value.keep(co_await source.begin(group));
    }
  } catch (...) {
    error = std::current_exception();
  }
  group.begin_exit(error);
  while (co_await group_wait(group)) {
  }
  group.finish_exit(error);
  co_return value.give();
}

}  // namespace detail
}  // namespace gyre
