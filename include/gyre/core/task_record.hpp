// SPDX-License-Identifier: BSL-1.0
#pragma once
// The record that the handles of a task share; it outlives the task's frame.  Layer: core.
// Bodies: lib/core/task_record.cpp
#include <gyre/core/coro.hpp>
#include <gyre/core/failure_path.hpp>
#include <gyre/core/frame_stack.hpp>
#include <gyre/core/future_core.hpp>
#include <gyre/core/task_core.hpp>

#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace gyre {
class event_loop;
class context;

/// How a task is to be made. An aggregate without owners, so that it may stand in an awaiting expression.
struct task_options {
  std::string_view name{};     ///< empty: Task-N
  bool pin = false;            ///< never leaves the loop that it starts on
  event_loop* loop = nullptr;  ///< where it starts; null: the running loop
  bool eager_start = false;    ///< runs up to its first suspension inside create_task(); on the running loop only
  const gyre::context* context = nullptr;  ///< runs in this context itself; null: in a copy of the current one
  std::source_location created{};          ///< for reports; create_task(coro) notes its own line
};
static_assert(std::is_trivially_destructible_v<task_options>);

namespace detail {

struct registry_tag {};

/// The name of a task that was given one: most have none.
struct given_name : pooled {
  explicit given_name(std::string_view name) : text(name) {}
  std::string text;
};

/// Callable and arguments of create_task(fn, args...): they live until the body has ended.
struct kept_call : pooled {
  kept_call() = default;
  kept_call(const kept_call&) = delete;
  kept_call& operator=(const kept_call&) = delete;
  virtual ~kept_call() = default;
};

/// Reference counted by handles; the running task holds one reference itself.
class task_record : public future_core, public list_link<registry_tag> {
 public:
  task_record(home& owner, result_base& result_room, std::uint32_t references = 1) noexcept
      : future_core(&owner, result_room, references) {}

  /// The task while it runs. Null once it is done, for a fork-join child.
  [[nodiscard]] virtual const task_core* core() const noexcept = 0;
  [[nodiscard]] task_core* core() noexcept { return const_cast<task_core*>(std::as_const(*this).core()); }

  bool cancel(std::string_view message) override;
  [[nodiscard]] std::string name() const;
  void rename(std::string_view name);
  [[nodiscard]] unsigned cancelling() const noexcept;
  unsigned uncancel() noexcept;

  [[nodiscard]] coroutine_view coroutine() const noexcept { return coroutine_view(body_, defined_); }
  /// Throws:  error for a child of a fork-join that has ended.
  [[nodiscard]] gyre::context get_context();

  /// Where it stands, the oldest coroutine first; of a task that failed, the way of its error. `here` is where the caller
  /// is, in case it is this task. Nothing if it runs somewhere else.
  [[nodiscard]] std::vector<frame_call_graph_entry> stack(std::optional<std::size_t> limit, std::source_location here);
  /// The same as lines of text, below one that shows the task.
  void append_stack(std::string& out, std::optional<std::size_t> limit, std::source_location here);

  /// Appends `f() running at FILE:LINE` or `f() done, defined at FILE:LINE`.
  void append_coroutine(std::string& out) const;

 protected:
  /// The loop that the task ended at, while its runtime lives; the one that it is at now.
  [[nodiscard]] home* home_after(bool ended, const task_core& t) const noexcept {
    return ended && future_core::where() == nullptr ? nullptr : &t.at();
  }
  [[nodiscard]] const char* kind() const noexcept override { return "Task"; }
  [[nodiscard]] const char* pending_state() const noexcept override;
  void append_details(std::string& out) const override;
  /// Which way the error took that ended it, null if that is not known.
  [[nodiscard]] virtual const failure_path* error_path() const noexcept { return nullptr; }

  std::uint64_t number_ = 0;      // of Task-N
  std::source_location defined_;  // the coroutine, then its place of definition
  const void* body_ = nullptr;    // the address of its frame's promise, for texts only
  unsigned cancels_at_end_ = 0;
  bool reports_abandon_ = true;

 private:
  std::unique_ptr<const given_name> name_;  // null: Task-N; guarded by guard()
};

/// A task of its own: made by create_task, run(), ensure_future, gather in asyncio order, ... It begins with two references:
/// that of the running task, and one for who makes it.
class own_task : public task_record, public task_core {
 public:
  own_task(home& owner, result_base& result_room, std::coroutine_handle<> root, task_bits::word flags) noexcept
      : task_record(owner, result_room, 2), task_core(type_of, root, flags | task_bits::ready) {}

  using task_record::core;
  [[nodiscard]] const task_core* core() const noexcept override { return this; }
  [[nodiscard]] const task_core* producer() const noexcept override { return this; }
  [[nodiscard]] home* where() const noexcept override { return home_after(state.is_done(), *this); }

  /// Registers the task and queues its first step, or takes it.
  /// Throws:  std::bad_alloc for a name; the task is refused then.
  void start(home& first, const task_options& options, std::unique_ptr<kept_call>&& kept);

  /// The same in two steps: the caller queues the first step, or takes everything back, also when this throws.
  void prepare(home& first, const task_options& options, std::unique_ptr<kept_call>&& kept);
  void refuse() noexcept;

  /// Nothing is to be reported when its loop closes before it has ended.
  void expect_abandon() noexcept { reports_abandon_ = false; }

  /// Destroys a task that a closing loop abandons: its frame first. It must not be running or queued.
  void abandon() noexcept;

 private:
  static const task_type type_of;
  static std::coroutine_handle<> finish(task_core& t, std::coroutine_handle<> frame) noexcept;
  void settle(std::coroutine_handle<> frame) noexcept;

  void report_abandon() noexcept;
  void append_origin(std::string& out) const override;
  [[nodiscard]] const failure_path* error_path() const noexcept override { return path_.get(); }
  [[nodiscard]] context_slot* own_context() noexcept override { return &context; }

  std::source_location created_;              // the line of create_task, where it is known
  std::unique_ptr<const failure_path> path_;  // of the error that ended it
  std::unique_ptr<kept_call> kept_;
};

/// With room for the result.
template <class T>
class own_task_of final : public own_task {
 public:
  own_task_of(home& owner, std::coroutine_handle<> root, task_bits::word flags) noexcept
      : own_task(owner, result, root, flags) {}

  void append_result(std::string& out) const override;

  result_slot<T> result;
};

/// Which bits a new task gets: from its options, its creator and the order of its loop. Returns the loop too.
struct placement {
  home* where;
  task_bits::word flags;
};
[[nodiscard]] placement place_task(const task_options& options, const char* call);

}  // namespace detail
}  // namespace gyre
