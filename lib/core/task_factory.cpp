// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/task.hpp>
#include <gyre/core/task_factory.hpp>

#include <utility>

namespace gyre {

any_task eager_task_factory(event_loop&, any_coro& body, const task_options& options) {
  task_options eager = options;
  eager.eager_start = true;
  return body.create_task(eager);
}

task_factory create_eager_task_factory(task_factory inner) {
  return [inner = std::move(inner)](event_loop& loop, any_coro& body, const task_options& options) mutable {
    task_options eager = options;
    eager.eager_start = true;
    return inner(loop, body, eager);
  };
}

namespace detail {

any_task made_by_factory::create_task(const task_options& options) {
  core_ref<own_task> task = make(options);
  made_ = task.get();
  return any_task(core_ref<future_core>(task.release()));
}

core_ref<own_task> make_by_factory(home& loop, made_by_factory& body, const task_options& options) {
  const std::shared_ptr<task_factory> factory = loop.factory();
  if (factory == nullptr) return body.make(options);
  task_options here = options;
  here.loop = &loop.as_loop();
  const any_task made = (*factory)(loop.as_loop(), body, here);
  if (!made) throw value_error("create_task: the task factory made no task");
  future_core& core = made.core("create_task");
  if (&core != static_cast<const future_core*>(body.made())) {
    throw value_error("create_task: the task factory gave another task than the one it was to make");
  }
  return core_ref<own_task>::share(static_cast<own_task&>(core));
}

}  // namespace detail
}  // namespace gyre
