// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/ref_count.hpp>
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/flow/wait.hpp>

#include <mutex>

namespace gyre::detail {

// State, under lock_: the count of what has not been reported as done, and whether the task still waits. Whoever finds the
// condition true first wakes the task; the task, when it resumes for any reason, closes the core.
class wait_core : public pooled {
 public:
  wait_core(pooled_vector<core_ref<future_core>> watched, return_when_t when)
      : watched_(std::move(watched)), when_(when), unfinished_(watched_.size()) {}

  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.drop()) delete this;
  }

  // Whether there is nothing to wait for, before anything is watched.
  [[nodiscard]] bool satisfied() const noexcept {
    bool all = true;
    for (const auto& each : watched_) {
      if (!each->done()) {
        all = false;
      } else if (ends_wait(*each)) {
        return true;
      }
    }
    return all;
  }

  /// The watchers go into a ring of this runtime, where a thread of another one could come too late.
  void check_futures(const home& here) const {
    for (const auto& each : watched_) refuse_foreign(*each, here, "wait");
  }
  void watch(home& loop);
  void unwatch() noexcept;
  void child_done(future_core& child) noexcept;
  void forget(std::size_t watcher_index) noexcept {
    const std::lock_guard hold(lock_);
    if (watcher_index < watchers_.size()) watchers_[watcher_index] = nullptr;
  }
  void wake() noexcept;

  [[nodiscard]] std::size_t count_pending() const noexcept {
    std::size_t n = 0;
    for (const auto& each : watched_) n += each->done() ? 0 : 1;
    return n;
  }
  [[nodiscard]] wait_reason reason() const noexcept {
    return when_ == all_completed ? wait_reason::all_of : wait_reason::some_of;
  }

  // Under a future's lock: against the order of locks, so it may only try.
  [[nodiscard]] bool note_waiter(awaiter_list& out) noexcept {
    if (!lock_.try_lock()) return false;
    const std::lock_guard hold(lock_, std::adopt_lock);
    return task_ == nullptr || out.add(*task_);
  }

  // Parks the task, unless what it waits for came meanwhile. Returns whether it parked.
  bool park(task_core& t) noexcept {
    const std::lock_guard hold(lock_);
    if (satisfied_) {
      t.state.yield();
      return false;
    }
    task_ = &t;
    return t.park_or_yield();
  }

 private:
  class watcher;

  [[nodiscard]] bool ends_wait(const future_core& done) const noexcept {
    if (when_ == first_completed) return true;
    return when_ == first_exception && done.outcome() == future_core::status::failed;
  }

  pooled_vector<core_ref<future_core>> watched_;
  pooled_vector<watcher*> watchers_;  // those that live; under lock_
  return_when_t when_;
  ref_count references_;
  spin_lock lock_;
  std::size_t unfinished_;
  bool satisfied_ = false;
  task_core* task_ = nullptr;
};

class wait_core::watcher final : public completion_node, public pooled {
 public:
  watcher(wait_core& core, core_ref<future_core> child, home& loop, std::size_t index) noexcept
      : completion_node(&queue, &turn, kind), core_(core), child_(std::move(child)), loop_(loop), index_(index) {
    core_.retain();
  }
  ~watcher() {
    core_.forget(index_);
    core_.release();
  }

  [[nodiscard]] bool take_back() noexcept { return child_->remove(*this); }

 private:
  static const node_kind kind;
  static bool note_awaiters(completion_node& node, awaiter_list& out) noexcept {
    return static_cast<watcher&>(node).core_.note_waiter(out);
  }
  static void queue(completion_node& node, future_core&) noexcept {
    auto& self = static_cast<watcher&>(node);
    self.loop_.post(self);
  }
  static void turn(runnable& r, fate f) noexcept {
    const std::unique_ptr<watcher> self(static_cast<watcher*>(&r));
    if (f == fate::runs) self->core_.child_done(*self->child_);
  }

  wait_core& core_;
  core_ref<future_core> child_;
  home& loop_;
  std::size_t index_;
};

const node_kind wait_core::watcher::kind{"_wait.<locals>._on_completion()", &note_awaiters};

void wait_core::watch(home& loop) {
  {
    const std::lock_guard hold(lock_);
    watchers_.assign(watched_.size(), nullptr);
  }
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    future_core& child = *watched_[i];
    auto node = std::make_unique<watcher>(*this, watched_[i], loop, i);
    {
      const std::lock_guard hold(lock_);
      watchers_[i] = node.get();
    }
    watcher& queued = *node.release();
    if (!child.add(queued)) queued.deliver(child);
  }
}

// The task goes on. A watcher that its future has delivered already is on its way through a ring and frees itself; it then
// finds nobody waiting. Lock order: this core's, then a future's.
void wait_core::unwatch() noexcept {
  pooled_vector<watcher*> mine;
  {
    const std::lock_guard hold(lock_);
    task_ = nullptr;
    mine.swap(watchers_);
    for (watcher*& each : mine) {
      if (each != nullptr && !each->take_back()) each = nullptr;
    }
  }
  for (watcher* each : mine) delete each;
}

void wait_core::child_done(future_core& child) noexcept {
  {
    const std::lock_guard hold(lock_);
    --unfinished_;
    if (unfinished_ != 0 && !ends_wait(child)) return;
  }
  wake();
}

// Between claim and enqueue nothing keeps the task's loop from closing, as wake_list::claim does for wakers from anywhere.
// Nothing has to: the watchers have their turns in the ring of a loop of the task's runtime, and its timer fires there, too;
// the threads of a runtime have ended when a loop of it is closed, and the closing thread plays one of the loops.
void wait_core::wake() noexcept {
  task_core* woken = nullptr;
  {
    const std::lock_guard hold(lock_);
    satisfied_ = true;
    if (task_ != nullptr && task_->state.claim()) woken = task_;
    task_ = nullptr;
  }
  if (woken != nullptr) woken->at().enqueue(*woken);
}

std::size_t count_pending(const wait_core& core) noexcept { return core.count_pending(); }

const char* lost_at(const wait_core& core) noexcept {
  return core.satisfied() ? "waits for tasks that have ended" : nullptr;
}

void wait_core_release::operator()(wait_core* core) const noexcept {
  core->unwatch();
  core->release();
}

wait_awaiter::wait_awaiter(pooled_vector<core_ref<future_core>> watched, return_when_t when,
                           std::optional<std::int64_t> timeout)
    : timer_node(&time_out_now, &time_out_in_turn, false),
      core_(new wait_core(std::move(watched), when)),
      timeout_(timeout) {}

wait_awaiter::~wait_awaiter() { leave(); }

void wait_awaiter::leave() noexcept {
  if (armed_at_ != nullptr) disarm_timer(*std::exchange(armed_at_, nullptr), *this);
}

// asyncio suspends also where all are done already: their callbacks take a turn.
bool wait_awaiter::await_ready() const noexcept { return !this_thread().loop->asyncio_order() && core_->satisfied(); }

void wait_awaiter::time_out_now(timer_node& node) noexcept { static_cast<wait_awaiter&>(node).core_->wake(); }

void wait_awaiter::time_out_in_turn(runnable& r, fate f) noexcept {
  if (f == fate::runs) static_cast<wait_awaiter&>(r).core_->wake();
}

bool wait_awaiter::suspend(task_core& t, std::coroutine_handle<> at) {
  home& here = t.at();
  core_->check_futures(here);
  task_ = &t;
  t.resume_point = at;
  core_->watch(here);
  t.note_wait(timeout_ ? wait_reason::some_of_in_time : core_->reason(), core_.get());
  if (timeout_) {
    fire_directly(!t.state.is_pinned());
    armed_at_ = &here;
    if (*timeout_ > 0) {
      arm_timer(here, *this, deadline_after(now_of(here), *timeout_));
    } else {
      arm_timer(here, *this, now_of(here));
    }
  }
  interruption_point();
  if (!core_->park(t)) here.enqueue(t);
  return true;
}

void wait_awaiter::await_resume() {
  if (task_ == nullptr) return;
  core_->unwatch();
  throw_if_cancelled(*task_);
}

coro<> until_done(core_ref<future_core> future) {
  pooled_vector<core_ref<future_core>> one;
  one.push_back(std::move(future));
  co_await wait_awaiter(std::move(one), all_completed, std::nullopt);
}

}  // namespace gyre::detail
