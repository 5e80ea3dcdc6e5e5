// SPDX-License-Identifier: BSL-1.0
#include "watchdog.hpp"

#include "../loop/loop_core.hpp"
#include "../loop/reactor.hpp"
#include "../loop/wait_report.hpp"
#include "thread_stack.hpp"

#include <gyre/base/text.hpp>
#include <gyre/core/holder.hpp>

#include <pthread.h>

#include <algorithm>
#include <new>
#include <numeric>
#include <utility>

namespace gyre::detail {
namespace {

constexpr std::chrono::nanoseconds shortest_look = std::chrono::milliseconds(1);

std::chrono::nanoseconds interval_of(const watch_limits& limits) noexcept {
  auto smaller = std::chrono::nanoseconds::max();
  for (const auto each : {limits.stall, limits.deadlock}) {
    if (each.count() > 0) smaller = std::min(smaller, each);
  }
  return std::max(shortest_look, smaller / 2);
}

std::uint64_t steps_of(const loop_core& l) noexcept { return l.steps.load(std::memory_order_relaxed); }

// The task at that address, held; null if there is none. The step in which it was seen goes on, so it is the one.
core_ref<task_record> task_at(loop_core& l, const task_core* address) {
  if (address == nullptr) return {};
  for (const any_task& each : all_tasks_of(l)) {
    auto& record = static_cast<task_record&>(each.core("watchdog"));
    if (std::as_const(record).core() == address) return core_ref<task_record>::share(record);
  }
  return {};
}

std::string stall_message(const std::string& thread, unsigned index, const task_record* task,
                          std::chrono::nanoseconds lasted) {
  std::string text = "loop ";
  append_unsigned(text, index);
  text += " (" + thread + ") has been stuck in ";
  if (task == nullptr) {
    text += "a callback";
  } else {
    text += "task ";
    append_quoted(text, task->name());
  }
  text += " for ";
  append_double(text,
                static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(lasted).count()) * 1e-3);
  return text + " seconds";
}

}  // namespace

watchdog::watchdog(std::vector<loop_core*> loops, watch_limits limits, watch_counts& counts,
                   const std::string& runtime_name)
    : loops_(std::move(loops)), limits_(limits), counts_(counts), name_(runtime_name), samples_(loops_.size()) {
  if (limits_.stall.count() > 0) static_cast<void>(prepare_stacks());
  if (limits_.deadlock.count() > 0) track_lock_holders();
  thread_ = std::thread([this] { watch(); });
  ::pthread_setname_np(thread_.native_handle(), (name_.substr(0, 10) + "-dog").c_str());
}

watchdog::~watchdog() {
  {
    const std::lock_guard hold(guard_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void watchdog::watch() {
  const std::chrono::nanoseconds interval = interval_of(limits_);
  std::unique_lock hold(guard_);
  while (!changed_.wait_for(hold, interval, [this] { return ending_; })) {
    hold.unlock();
    try {
      look(clock::now());
    } catch (const std::bad_alloc&) {  // a report is lost
    }
    hold.lock();
  }
}

void watchdog::look(clock::time_point now) {
  if (limits_.stall.count() > 0) {
    for (std::size_t i = 0; i < loops_.size(); ++i) look_at(i, now);
  }
  if (limits_.deadlock.count() > 0) look_for_deadlock(now);
}

void watchdog::look_at(std::size_t i, clock::time_point now) {
  const loop_core& l = *loops_[i];
  sample& last = samples_[i];
  const std::uint64_t steps = steps_of(l);
  const bool busy = l.running() && !l.sleeping();
  if (!busy || !last.busy || last.steps != steps) {
    last = sample{steps, busy, false, now};
  } else if (!last.reported && now - last.since >= limits_.stall) {
    last.reported = true;
    counts_.stalls.fetch_add(1, std::memory_order_relaxed);
    report_stall(i, now);
  }
}

void watchdog::report_stall(std::size_t i, clock::time_point now) {
  loop_core& l = *loops_[i];
  const sample& stall = samples_[i];
  thread_stack stack;
  const int thread = l.thread_number();
  const bool answered = prepare_stacks() && thread != 0 && take_stack_of(thread, stack);
  core_ref<task_record> task;
  if (answered) task = task_at(l, stack.task);
  const bool still = steps_of(l) == stall.steps && !l.sleeping();
  report r;
  r.message =
      stall_message(name_ + '-' + std::to_string(l.index), l.index, still ? task.get() : nullptr, now - stall.since);
  if (!answered) {
    r.details = "its thread does not say where it is";
  } else if (!still) {
    r.details = "it went on while its thread was asked where it is";
  } else {
    if (task) {
      r.future = task.get();
      task->append_text(r.details);
    }
    stack.append_awaits(r.details);
    r.details += "\n  native stack:";
    stack.append_frames(r.details);
  }
  l.report_error(std::move(r));
}

// Who wakes a loop rings it, and then it does not sleep. What is left are the sources that ring without a loop's help.
bool watchdog::all_sleep_for_good() const {
  return std::all_of(loops_.begin(), loops_.end(), [](loop_core* l) {
    const auto* r = dynamic_cast<reactor*>(&l->sleep_place());
    return l->running() && l->sleeping() && l->timers->next_deadline() == never && r != nullptr && !r->is_lent();
  });
}

void watchdog::look_for_deadlock(clock::time_point now) {
  const std::uint64_t steps = std::accumulate(loops_.begin(), loops_.end(), std::uint64_t{0},
                                              [](std::uint64_t sum, const loop_core* l) { return sum + steps_of(*l); });
  const bool quiet = all_sleep_for_good();
  if (!quiet || !idle_.busy || idle_.steps != steps) {
    idle_ = sample{steps, quiet, false, now};
    return;
  }
  if (idle_.reported || now - idle_.since < limits_.deadlock) return;
  loop_core& first = *loops_.front();
  if (first.executor().works()) return;
  waits_report waits = describe_waits(first);
  if (waits.text.empty() || waits.will_change) return;
  idle_.reported = true;
  counts_.deadlocks.fetch_add(1, std::memory_order_relaxed);
  report r;
  r.message = "nothing could run for ";
  append_double(
      r.message,
      static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now - idle_.since).count()) * 1e-3);
  r.message += " seconds: only a thread outside could wake a task";
  r.details = std::move(waits.text);
  first.report_error(std::move(r));
}

}  // namespace gyre::detail
