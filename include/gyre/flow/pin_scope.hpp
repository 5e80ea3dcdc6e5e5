// SPDX-License-Identifier: BSL-1.0
#pragma once
// pin_scope: a region in which the running task stays on its loop.  Layer: flow.  Bodies: lib/flow/pin_scope.cpp

namespace gyre {

namespace detail {
class task_core;
}

/// While it lives, the task that made it is pinned: it goes on where it is after every suspension, in one order with the
/// other pinned tasks and the callbacks of that loop. Afterwards it is stealable again, if it was before.
///
///     { const pin_scope stay;  connection& c = cache.get();  co_await c.ask();  c.note(); }
///
/// Shape:   a local variable of a coroutine; scopes may be nested, and then end in reverse order. resume_on() moves the task
///          all the same: it then stays there.
/// Inherit: tasks and gathers that are begun inside are pinned too, for as long as they live; not those of main.
/// Throws:  no_running_loop outside a task.
/// Cost:    four atomic operations; gathers inside are not fork-joins.
class [[nodiscard]] pin_scope {
 public:
  pin_scope();
  pin_scope(const pin_scope&) = delete;
  pin_scope& operator=(const pin_scope&) = delete;
  ~pin_scope();

 private:
  detail::task_core* pinned_;  // held; null if the task was pinned before
};

}  // namespace gyre
