// SPDX-License-Identifier: BSL-1.0
#include "../loop/spin_policy.hpp"
#include "blocking.hpp"
#include "runtime_core.hpp"

#include <gyre/base/text.hpp>
#include <gyre/runtime/cores.hpp>
#include <gyre/runtime/threadsafe.hpp>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <memory>

namespace gyre::detail {
namespace {

constexpr node_kind signal_kind{"blocking_future"};

// The meeting point of a blocked thread and the task's end. Either may be the last to let go.
class end_signal final : public completion_node {
 public:
  end_signal() noexcept : completion_node(&on_end, &on_drop, signal_kind) {}

  static bool wait(const std::shared_ptr<end_signal>& self, future_core& task,
                   std::optional<std::chrono::nanoseconds> timeout) {
    self->keep_ = self;  // the future's list holds a plain pointer
    if (!task.add(*self)) {
      self->keep_.reset();
      return true;
    }
    if (task.forsaken() && task.remove(*self)) {
      self->keep_.reset();
      return true;
    }
    using clock = std::chrono::steady_clock;
    if (!timeout || *timeout > clock::time_point::max() - clock::now()) {  // no limit, or none that the clock can tell
      self->end_.wait();
      return true;
    }
    if (self->end_.wait_until(clock::now() + *timeout)) return true;
    if (!task.remove(*self)) return true;  // it has just ended, or its loop has; who tells so keeps the signal
    self->keep_.reset();
    return false;
  }

 private:
  static void on_end(completion_node& node, future_core&) noexcept { static_cast<end_signal&>(node).end(); }
  // The loop was closed and abandoned the task.
  static void on_drop(runnable& r, fate) noexcept { static_cast<end_signal&>(r).end(); }

  void end() noexcept {
    const std::shared_ptr<end_signal> keep = std::move(keep_);
    end_.end();
  }

  basic_latch<> end_;
  std::shared_ptr<end_signal> keep_;
};

std::int64_t spin_window(const future_core& awaited) noexcept {
  const runtime_visit inside = awaited.look();
  home* const loop = inside.admitted() ? awaited.where() : nullptr;
  return loop == nullptr ? 0 : static_cast<loop_core*>(loop)->setup().spin_before_park;
}

// Threads outside that spin now: more of them than cores would only keep each other from ending it.
std::atomic<int> spinning_threads{0};

bool spin_to_end(const future_core& awaited, spin_policy& past, std::int64_t window) {
  static const int most = std::max(1, usable_cores() / 2);
  bool ended = false;
  if (spinning_threads.fetch_add(1, std::memory_order_relaxed) < most) {
    const auto now = [] { return time_source::steady().now(); };
    ended = past.spin(deadline_after(now(), window), window, now, [&awaited] { return awaited.done(); });
  }
  spinning_threads.fetch_sub(1, std::memory_order_relaxed);
  return ended;
}

// Spins before it sleeps, as a loop does: an answer that comes at once needs no system call then, and no wake-up.
bool wait_for_end(future_core& awaited, std::optional<std::chrono::nanoseconds> timeout) {
  thread_local spin_policy past;
  const std::int64_t window = timeout ? 0 : spin_window(awaited);
  if (window == 0) return end_signal::wait(std::make_shared<end_signal>(), awaited, timeout);
  const std::int64_t begun = time_source::steady().now();
  const bool ended = (past.pays() && spin_to_end(awaited, past, window)) ||
                     end_signal::wait(std::make_shared<end_signal>(), awaited, timeout);
  past.waited(time_source::steady().now() - begun, window);
  return ended;
}

// Where it stands in its runtime, and its thread: this one.
void append_loop(std::string& out, const loop_core& loop) {
  char thread[16] = "";
  ::pthread_getname_np(::pthread_self(), thread, sizeof thread);
  out += "loop ";
  append_unsigned(out, loop.index);
  out += ", thread ";
  append_quoted(out, thread);
}

// The bound that a submission has to pass; null if there is none. Threads of the runtime itself are not held up.
submission_gate* gate_for(const submission_target& target) noexcept {
  if (!target.bounded) return nullptr;
  runtime_core* owner = runtime_of(static_cast<loop_core&>(*target.where));
  if (owner == nullptr || owner->gate() == nullptr) return nullptr;
  const home* here = this_thread().loop;
  return here != nullptr && here->family() == target.where->family() ? nullptr : owner->gate();
}

}  // namespace

void block_until_done(future_core& awaited, std::optional<std::chrono::nanoseconds> timeout, const char* call) {
  if (awaited.done()) return;
  refuse_if_forked(call);
  if (home* loop = this_thread().loop; loop != nullptr) {
    std::string text = std::string(call) + ": would block the thread of a running event loop (";
    append_loop(text, static_cast<const loop_core&>(*loop));
    if (task_core* t = this_thread().current; t != nullptr) {
      text += ", task ";
      append_quoted(text, core_ref<task_record>(t->type->record(*t))->name());
    }
    throw would_deadlock(text + ')');
  }
  if (!wait_for_end(awaited, timeout)) throw timeout_error();
  if (!awaited.done()) throw loop_closed(std::string(call) + ": the event loop was closed before the task ended");
}

void submit_tasks(std::span<own_task* const> tasks, const submission_target& target) {
  auto& loop = static_cast<loop_core&>(*target.where);
  const bool stealable = target.stealable && !loop.asyncio_order();
  submission_gate* gate = gate_for(target);
  if (gate == nullptr) {
    loop.submit(tasks, stealable, "run_coroutine_threadsafe");
    return;
  }
  while (!tasks.empty()) {
    std::size_t taken = 0;
    try {
      taken = gate->enter(tasks.size());
      gate->tie_to(tasks.first(taken));
    } catch (...) {
      for (own_task* each : tasks) each->refuse();
      throw;
    }
    const auto rest = tasks.subspan(taken);
    try {
      loop.submit(tasks.first(taken), stealable, "run_coroutine_threadsafe");
    } catch (...) {
      for (own_task* each : rest) each->refuse();
      throw;
    }
    tasks = rest;
  }
}

void submit_call(unique_function<void()> call, future_core& result, const submission_target& target) {
  if (submission_gate* gate = gate_for(target); gate != nullptr) {
    static_cast<void>(gate->enter(1));
    gate->tie_to(result);
  }
  target.where->as_loop().call_soon_threadsafe(std::move(call));
}

home& any_loop_of(runtime& r) noexcept { return r.core().next_loop(); }

}  // namespace gyre::detail
