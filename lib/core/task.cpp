// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/task.hpp>

namespace gyre {

any_task current_task() {
  static_cast<void>(detail::running_home("current_task"));
  detail::task_core* running = detail::this_thread().current;
  if (running == nullptr) return any_task();
  return any_task(detail::core_ref<detail::future_core>(running->type->record(*running)));
}

}  // namespace gyre
