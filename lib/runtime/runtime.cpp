// SPDX-License-Identifier: BSL-1.0
#include "runtime_core.hpp"
#include "shutdown.hpp"

#include <gyre/base/assert.hpp>
#include <gyre/core/error.hpp>
#include <gyre/runtime/runtime.hpp>
#include <gyre/runtime/threadsafe.hpp>

#include <chrono>

namespace gyre {
namespace {

event_loop& checked_loop(const detail::runtime_core& core, int i) {
  if (i < 0 || static_cast<std::size_t>(i) >= core.size()) {
    throw value_error("loop(" + std::to_string(i) + "): the runtime has " + std::to_string(core.size()) + " loops");
  }
  return core.loop(static_cast<std::size_t>(i));
}

}  // namespace

runtime::runtime(const run_options& options) : core_(std::make_shared<detail::runtime_core>(options, false)) {
  core_->start();
}

runtime::~runtime() {
  if (detail::is_forked()) {
    static_cast<void>(new std::shared_ptr(core_));  // nobody is left to join
    return;
  }
  GYRE_ASSERT(!core_->on_own_loop(), "a runtime is destroyed on one of its own loops");
  GYRE_ASSERT(
      detail::this_thread().loop == nullptr || core_->stopped(),
      "a runtime is destroyed on the thread of an event loop: stop() it before, from a thread that runs no loop");
  stop();
}

int runtime::loop_count() const noexcept { return static_cast<int>(core_->size()); }
event_loop& runtime::loop(int i) const { return checked_loop(*core_, i); }
runtime_stats runtime::stats() const noexcept { return core_->stats(); }

void runtime::stop() {
  detail::refuse_if_forked("runtime::stop");
  if (core_->on_own_loop()) throw would_deadlock("runtime::stop() cannot be called on one of its own loops");
  if (core_->stopped()) return;
  if (core_->on_own_executor()) {
    throw would_deadlock(
        "runtime::stop() would wait for the function that calls it: one of the runtime's own executor");
  }
  if (detail::this_thread().loop != nullptr) {
    throw would_deadlock("runtime::stop() would block the thread of a running event loop: call it through to_thread()");
  }
  const detail::runtime_core::stopping once(*core_);
  if (!once.is_over()) stop_once();
}

void runtime::stop_once() {
  event_loop& first = core_->loop(0);
  const std::optional<std::chrono::nanoseconds> limit = core_->shutdown_timeout();
  const detail::shutdown_clock clock(limit);
  std::optional<std::int64_t> ns;
  if (limit) ns = limit->count();
  try {
    // On any loop: one that is stuck in user code must not keep the others from ending.
    coro<> end = detail::end_tasks(ns);
    const auto ended = detail::submit(end, detail::submission_target{&core_->next_loop(), true, false});
    ended.result(clock.thread_time_left());
  } catch (const timeout_error&) {    // no loop is left that could run it: the threads are named below
  } catch (const cancelled_error&) {  // by a task that cancels all on its way out, at the very end
  } catch (...) {
    detail::report r;
    r.message = "error in the shutdown of a gyre::runtime";
    r.exception = std::current_exception();
    first.core().report_error(std::move(r));
  }
  detail::end_executor(first.core(), clock);
  core_->stop(clock.thread_deadline());
}

int current_runtime_view::loop_count() const noexcept { return core_ == nullptr ? 1 : static_cast<int>(core_->size()); }

event_loop& current_runtime_view::loop(int i) const {
  if (core_ != nullptr) return checked_loop(*core_, i);
  if (i != 0) throw value_error("loop(" + std::to_string(i) + "): there is one loop");
  return alone_;
}

runtime_stats current_runtime_view::stats() const noexcept {
  if (core_ != nullptr) return core_->stats();
  runtime_stats one;
  const detail::loop_core& l = alone_.core();
  one.tasks_run = l.steps.load(std::memory_order_relaxed);
  one.parks = l.parks.load(std::memory_order_relaxed);
  one.messages = l.messages.load(std::memory_order_relaxed);
  one.doorbells = l.doorbells.load(std::memory_order_relaxed);
  one.loops = 1;
  return one;
}

current_runtime_view current_runtime() {
  event_loop& here = detail::running_home("current_runtime").as_loop();
  return current_runtime_view(detail::runtime_of(here.core()), here);
}

int loop_count() { return current_runtime().loop_count(); }

}  // namespace gyre
