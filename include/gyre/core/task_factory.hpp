// SPDX-License-Identifier: BSL-1.0
#pragma once
// Who makes a loop's tasks: task factories, and the one that starts tasks eagerly.  Layer: core.
// Bodies: lib/core/task_factory.cpp
#include <gyre/base/unique_function.hpp>
#include <gyre/core/task_record.hpp>

#include <memory>
#include <string_view>

namespace gyre {

class any_task;

/// A coroutine of any result type, given to a task factory, which makes it a task or refuses by throwing.
///
/// Life:    the call of the factory.   Thread: its.
class any_coro {
 public:
  any_coro(const any_coro&) = delete;
  any_coro& operator=(const any_coro&) = delete;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Makes it a task of the loop that the options name.   Throws: already_awaited the second time.
  virtual any_task create_task(const task_options& options) = 0;

 protected:
  any_coro() = default;
  virtual ~any_coro() = default;
};

/// Makes the tasks of a loop: create_task() there calls it, with the options that were given. It returns the task that
/// `body.create_task(options)` made; the options are its to change.
///
/// Like:    loop.set_task_factory. A factory cannot give a task of its own class: there is one kind.
using task_factory = unique_function<any_task(event_loop& loop, any_coro& body, const task_options& options)>;

/// The factory that starts each task at once, inside create_task(), up to its first suspension.
///
/// Like:    asyncio.eager_task_factory: `loop.set_task_factory(gyre::eager_task_factory)`.
any_task eager_task_factory(event_loop& loop, any_coro& body, const task_options& options);

/// The same with tasks made by `inner`, which is given options with eager_start set.   Like: create_eager_task_factory.
[[nodiscard]] task_factory create_eager_task_factory(task_factory inner);

namespace detail {

/// The part of any_coro that does not depend on the type.
class made_by_factory : public any_coro {
 public:
  any_task create_task(const task_options& options) final;
  virtual core_ref<own_task> make(const task_options& options) = 0;
  /// What create_task() made.
  [[nodiscard]] const own_task* made() const noexcept { return made_; }

 protected:
  ~made_by_factory() override = default;

 private:
  const own_task* made_ = nullptr;
};

/// Has the loop's factory make a task, or makes it directly if the loop has none any more.
/// Throws:  what the factory throws; value_error if it gives another task than the one it was to make.
[[nodiscard]] core_ref<own_task> make_by_factory(home& loop, made_by_factory& body, const task_options& options);

}  // namespace detail
}  // namespace gyre
