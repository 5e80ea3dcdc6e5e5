// SPDX-License-Identifier: BSL-1.0
#pragma once
// From threads outside: run_coroutine_threadsafe, one coroutine or a burst.  Layer: runtime.
// Bodies: lib/runtime/threadsafe.cpp
#include <gyre/core/blocking_future.hpp>
#include <gyre/core/task.hpp>
#include <gyre/loop/event_loop.hpp>
#include <gyre/runtime/detail/following.hpp>
#include <gyre/runtime/runtime.hpp>

#include <span>
#include <vector>

namespace gyre {

namespace detail {

/// Where a submission goes.
struct submission_target {
  home* where;
  bool stealable;       // idle loops beside it may take it
  bool bounded = true;  // counts for run_options::max_submissions
};
[[nodiscard]] home& any_loop_of(runtime& r) noexcept;

/// Adopts new tasks and queues their first steps, as one burst where the runtime's bound leaves room for all.
///
/// Throws:  loop_closed, queue_full, std::bad_alloc; then those that were not queued have been destroyed unrun.
void submit_tasks(std::span<own_task* const> tasks, const submission_target& target);
/// Runs a call on the target's loop; `result` stands for it. Dropped if the loop closes before.   Throws: the same.
void submit_call(unique_function<void()> call, future_core& result, const submission_target& target);

template <class T>
core_ref<own_task> make_submitted(coro<T>& body, const submission_target& target) {
  const auto frame = body.consume("run_coroutine_threadsafe");
  const bool pinned = !target.stealable || target.where->asyncio_order();
  own_task_of<T>* record = nullptr;
  try {
    record = new own_task_of<T>(*target.where, frame, pinned ? task_bits::pinned : 0);
  } catch (...) {
    frame.destroy();
    throw;
  }
  frame.promise().task = record;
  frame.promise().slot = &record->result;
  return core_ref<own_task>(record);
}

/// A coroutine on its way to a loop whose task factory must run there.
template <class T>
class late_task {
 public:
  late_task(coro<T> body, core_ref<following<T>> result) noexcept
      : body_(std::move(body)), result_(std::move(result)) {}
  late_task(late_task&&) noexcept = default;
  late_task& operator=(late_task&&) = delete;
  ~late_task() {
    body_.close();
    if (result_) result_->forget_waiters();  // dropped: the loop was closed
  }
  void operator()() {
    const core_ref<following<T>> result = std::exchange(result_, {});
    task_options options;
    options.loop = &running_home("run_coroutine_threadsafe").as_loop();
    options.pin = true;
    try {
      result->follow(core_ref<future_core>(start_task(body_, options, "run_coroutine_threadsafe").release()));
    } catch (...) {
      result->fail(std::current_exception());
      throw;  // to the exception handler
    }
  }

 private:
  coro<T> body_;
  core_ref<following<T>> result_;
};

template <class T>
blocking_future<T> submit(coro<T>& body, const submission_target& target) {
  body.check_fresh("run_coroutine_threadsafe");
  if (target.where->has_factory()) {
    core_ref<following<T>> result(new following<T>(nullptr));  // of no loop: only threads wait for it
    submit_call(late_task<T>(std::move(body), result), *result, target);
    return blocking_future<T>(core_ref<future_core>(result.release()));
  }
  core_ref<own_task> made = make_submitted(body, target);
  own_task* const task = made.get();
  submit_tasks(std::span(&task, 1), target);
  return blocking_future<T>(core_ref<future_core>(made.release()));
}

template <class T>
std::vector<blocking_future<T>> submit_burst(std::vector<coro<T>>& bodies, const submission_target& target) {
  for (const coro<T>& each : bodies) each.check_fresh("run_coroutines_threadsafe");
  std::vector<blocking_future<T>> futures;
  futures.reserve(bodies.size());
  if (target.where->has_factory()) {
    for (coro<T>& each : bodies) futures.push_back(submit(each, target));
    return futures;
  }
  pooled_vector<own_task*> tasks;
  tasks.reserve(bodies.size());
  try {
    for (coro<T>& each : bodies) {
      core_ref<own_task> made = make_submitted(each, target);
      tasks.push_back(made.get());
      futures.push_back(blocking_future<T>(core_ref<future_core>(made.release())));
    }
  } catch (...) {
    for (own_task* each : tasks) each->refuse();
    throw;
  }
  submit_tasks(tasks, target);
  return futures;
}

/// Bodies that nothing has begun are destroyed without a report.
template <class T>
class unused_bodies {
 public:
  explicit unused_bodies(std::span<coro<T>> bodies) noexcept : bodies_(bodies) {}
  unused_bodies(const unused_bodies&) = delete;
  unused_bodies& operator=(const unused_bodies&) = delete;
  ~unused_bodies() {
    for (coro<T>& each : bodies_) each.close();
  }

 private:
  std::span<coro<T>> bodies_;
};

}  // namespace detail

/// Runs `body` as a task of `loop`, pinned to it.
///
/// Thread:  any. A thread that is no loop may have to wait where run_options::max_submissions says so.
/// Throws:  loop_closed (the body is destroyed unrun), queue_full, std::bad_alloc.
/// Cost:    one pooled record, one queue entry, one wake-up a burst.   Like: asyncio.run_coroutine_threadsafe.
template <class T>
blocking_future<T> run_coroutine_threadsafe(coro<T> body, event_loop& loop) {
  const detail::unused_bodies<T> rest(std::span(&body, 1));
  return detail::submit(body, detail::submission_target{&detail::home_of(loop), false});
}
/// The same on the loops of the runtime in turn; a loop that has nothing to do may steal it.
template <class T>
blocking_future<T> run_coroutine_threadsafe(coro<T> body, runtime& r) {
  const detail::unused_bodies<T> rest(std::span(&body, 1));
  return detail::submit(body, detail::submission_target{&detail::any_loop_of(r), true});
}

/// The same for many at once, queued together: one queue operation, one doorbell. Futures come in the order of `bodies`.
///
/// Throws:  as for one. With a bound that leaves too little room: queue_full, and none of them runs; or the thread waits in
///          the middle. Those that were queued when an error comes later run on.
template <class T>
std::vector<blocking_future<T>> run_coroutines_threadsafe(std::vector<coro<T>> bodies, event_loop& loop) {
  const detail::unused_bodies<T> rest(bodies);
  return detail::submit_burst(bodies, detail::submission_target{&detail::home_of(loop), false});
}
/// On one loop of the runtime; idle loops take their share.
template <class T>
std::vector<blocking_future<T>> run_coroutines_threadsafe(std::vector<coro<T>> bodies, runtime& r) {
  const detail::unused_bodies<T> rest(bodies);
  return detail::submit_burst(bodies, detail::submission_target{&detail::any_loop_of(r), true});
}

}  // namespace gyre
