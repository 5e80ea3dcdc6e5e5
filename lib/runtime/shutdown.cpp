// SPDX-License-Identifier: BSL-1.0
#include "shutdown.hpp"

#include <gyre/flow/fork_join.hpp>
#include <gyre/flow/wait.hpp>
#include <gyre/runtime/offload.hpp>

#include <algorithm>
#include <vector>

namespace gyre::detail {
namespace {

constexpr std::int64_t executor_limit = 300'000'000'000;  // 5 minutes
constexpr std::int64_t thread_grace = 1'000'000'000;      // ns

std::int64_t real_now() noexcept { return time_source::steady().now(); }

shutdown_clock::time_point at(std::int64_t ns) noexcept {
  return shutdown_clock::time_point(std::chrono::nanoseconds(ns));
}

void report_leftover(loop_core& l, const any_task& t) {
  report r;
  if (!t.done()) {
    r.message = "task '" + t.get_name() + "' did not end before the shutdown timeout";
  } else if (t.cancelled()) {
    return;
  } else {
    r.exception = t.exception();
    if (r.exception == nullptr) return;
    r.message = "unhandled exception during gyre::run() shutdown";
  }
  r.future = &t.core("run");
  to_string(t).swap(r.details);
  l.report_error(std::move(r));
}

// Waits for all of these until `deadline`. One that cancels all tasks on its way out reaches the shutdown's own task, too:
// `steadfast`, that goes on all the same.
coro<> wait_for_ends(std::vector<any_task>& tasks, loop_core& here, std::int64_t deadline, bool steadfast) {
  for (;;) {
    pooled_vector<core_ref<future_core>> cores;
    cores.reserve(tasks.size());
    for (const any_task& each : tasks) cores.push_back(each.shared("run"));
    std::optional<std::int64_t> left;
    if (deadline != never) left = std::max<std::int64_t>(deadline - here.now(), 0);
    try {
      co_await wait_awaiter(std::move(cores), all_completed, left);
      co_return;
    } catch (const cancelled_error&) {
      if (!steadfast) throw;
    }
  }
}

// Closes the open generators of these loops, each in a task of its loop; waits for all.
coro<> close_generators(std::vector<loop_core*> loops, loop_core& here, std::int64_t deadline, bool steadfast) {
  std::vector<any_task> closing;
  for (loop_core* each : loops) {
    task_options options;
    options.pin = true;
    options.loop = &each->as_loop();
    for (generator_state* g : each->take_generators()) {
      closing.push_back(create_task(close_held(g), options));
    }
  }
  if (!closing.empty()) co_await wait_for_ends(closing, here, deadline, steadfast);
}

std::vector<loop_core*> loops_beside(loop_core& here) {
  std::vector<loop_core*> all;
  if (here.setup().peers == nullptr) {
    all.push_back(&here);
  } else {
    here.setup().peers->for_each_loop(
        [](loop_core& each, void* list) { static_cast<std::vector<loop_core*>*>(list)->push_back(&each); }, &all);
  }
  return all;
}

// Each gets one request. A child of a gather has it from its parent; from here only where that has gone on without it.
//
// Parents that are children themselves come behind theirs in the list, so it is gone through backwards: of a child that still has
// a parent when it is looked at, the parent had it when it was asked, and so has passed the request on.
void cancel_each(const std::vector<any_task>& tasks) {
  for (const any_task& each : tasks) {
    if (dynamic_cast<const own_task*>(&each.core("run")) != nullptr) each.cancel();
  }
  for (auto each = tasks.rbegin(); each != tasks.rend(); ++each) {
    auto& record = static_cast<task_record&>(each->core("run"));
    if (dynamic_cast<const own_task*>(&record) != nullptr) continue;
    const task_core* const child = record.core();
    if (child != nullptr && !fork_block::has_waiting_parent(*child)) each->cancel();
  }
}

coro<> end_tasks_only(loop_core& here, std::int64_t deadline) {
  const any_task self = current_task();
  std::vector<any_task> left;
  for (const any_task& each : all_tasks_of(here)) {
    if (!(each == self)) left.push_back(each);
  }
  if (left.empty()) co_return;
  cancel_each(left);
  co_await wait_for_ends(left, here, deadline, true);
  for (const any_task& each : left) report_leftover(here, each);
}

}  // namespace

// One deadline for both, by the clock of the loops: in a simulation that is another one than the real one.
coro<> end_tasks(std::optional<std::int64_t> timeout) {
  auto& here = static_cast<loop_core&>(running_home("run"));
  std::int64_t deadline = never;
  if (timeout) deadline = deadline_after(here.now(), *timeout);
  co_await end_tasks_only(here, deadline);
  co_await close_generators(loops_beside(here), here, deadline, true);
}

shutdown_clock::shutdown_clock(std::optional<std::chrono::nanoseconds> limit) noexcept {
  if (limit) end_ = deadline_after(real_now(), limit->count());
}

shutdown_clock::time_point shutdown_clock::executor_deadline() const noexcept {
  return at(end_ ? *end_ : deadline_after(real_now(), executor_limit));
}

std::chrono::nanoseconds shutdown_clock::executor_time_left() const noexcept {
  return std::chrono::nanoseconds(std::max<std::int64_t>((end_ ? *end_ - real_now() : executor_limit), 0));
}

std::optional<shutdown_clock::time_point> shutdown_clock::thread_deadline() const noexcept {
  if (!end_) return std::nullopt;
  return at(std::max(*end_, deadline_after(real_now(), thread_grace)));
}

std::optional<std::chrono::nanoseconds> shutdown_clock::thread_time_left() const noexcept {
  if (!end_) return std::nullopt;
  return std::chrono::nanoseconds(std::max(*end_ - real_now(), thread_grace));
}

void end_executor(loop_core& l, const shutdown_clock& clock) {
  const std::vector<std::shared_ptr<offload_executor>> all = l.executor().close();
  bool in_time = true;
  for (const auto& each : all) in_time = each->shutdown(clock.executor_deadline()) && in_time;
  if (!in_time) report_unfinished(l, all);
}

void report_unfinished(loop_core& l, const std::vector<std::shared_ptr<offload_executor>>& executors) {
  report r;
  r.message = "the executor did not finish joining its threads before the shutdown timeout";
  for (const auto& executor : executors) {
    for (const std::string& each : executor->unfinished()) {
      if (!r.details.empty()) r.details += "\n  ";
      r.details += each;
    }
  }
  l.report_error(std::move(r));
}

}  // namespace gyre::detail

namespace gyre {

coro<> event_loop::shutdown_asyncgens() {
  std::vector<detail::loop_core*> here;
  here.push_back(core_.get());
  co_await detail::close_generators(std::move(here), *core_, detail::never, false);
}

}  // namespace gyre
