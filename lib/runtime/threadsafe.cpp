// SPDX-License-Identifier: BSL-1.0
#include "runtime_core.hpp"

#include <gyre/runtime/threadsafe.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>

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
    std::unique_lock hold(self->guard_);
    const auto ended = [&] { return self->ended_; };
    using clock = std::chrono::steady_clock;
    if (!timeout || *timeout > clock::time_point::max() - clock::now()) {  // no limit, or none that the clock can tell
      self->changed_.wait(hold, ended);
      return true;
    }
    if (self->changed_.wait_until(hold, clock::now() + *timeout, ended)) return true;
    hold.unlock();
    if (task.remove(*self)) {
      self->keep_.reset();
      return false;
    }
    hold.lock();  // it is ending right now
    self->changed_.wait(hold, ended);
    return true;
  }

 private:
  static void on_end(completion_node& node, future_core&) noexcept { static_cast<end_signal&>(node).end(); }
  // The loop was closed and abandoned the task.
  static void on_drop(runnable& r, fate) noexcept { static_cast<end_signal&>(r).end(); }

  void end() noexcept {
    const std::shared_ptr<end_signal> keep = std::move(keep_);
    const std::lock_guard hold(guard_);
    ended_ = true;
    changed_.notify_all();
  }

  std::mutex guard_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::shared_ptr<end_signal> keep_;
};

}  // namespace

void block_until_done(future_core& task, std::optional<std::chrono::nanoseconds> timeout, const char* call) {
  if (task.done()) return;
  if (const home* loop = this_thread().loop; loop != nullptr) {
    std::string text = std::string(call) + ": would block the thread of a running event loop";
    if (task_core* t = this_thread().current; t != nullptr) {
      const core_ref<task_record> record(t->type->record(*t));
      text += " (task '" + record->name() + "')";
    }
    throw would_deadlock(text);
  }
  if (!end_signal::wait(std::make_shared<end_signal>(), task, timeout)) throw timeout_error();
  if (!task.done()) throw loop_closed(std::string(call) + ": the event loop was closed before the task ended");
}

void submit_task(own_task& t, home& where, bool stealable) {
  try {
    static_cast<loop_core&>(where).submit(t, stealable, "run_coroutine_threadsafe");
  } catch (...) {
    t.refuse();
    throw;
  }
}

home& any_loop_of(runtime& r) noexcept { return r.core().next_loop(); }

}  // namespace gyre::detail
