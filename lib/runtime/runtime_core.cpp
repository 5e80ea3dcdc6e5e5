// SPDX-License-Identifier: BSL-1.0
#include "runtime_core.hpp"

#include <gyre/runtime/cores.hpp>

#include <algorithm>
#include <memory>

namespace gyre::detail {
namespace {

constexpr std::int64_t watch_interval = 10'000'000;  // ns, while nobody is known to be stuck
constexpr std::int64_t stuck_interval = 1'000'000;   // ns, while somebody is or was just now
constexpr std::int64_t eager_interval = 250'000;     // ns, while the stuck loop's connections are in use
constexpr std::int64_t calm_interval = 2'000'000;    // ns, between the looks of one that works, while nobody is
constexpr int looks_after_stuck = 100;               // until who was stuck counts as cured
constexpr std::chrono::milliseconds debug_stall_limit(100);
constexpr int looks_at_one_task = 16;

// A task that waits alone in its queue is most times taken by its owner at once: two tasks that wake each other would move to
// and fro, each time with what they touch. Such a queue runs dry all the time. Taken is what is still there after some
// looks, about 2 us, in which the queue was never empty: the owner is inside a long step, or always has one more than it runs.
bool has_task_to_spare(const loop_core& l) noexcept {
  const std::uint64_t dry = l.times_dry();
  backoff pause;
  for (int look = 1; look < looks_at_one_task && l.ready.size() == 1; ++look) pause.once();
  const std::int64_t waiting = l.ready.size();
  return waiting > 1 || (waiting == 1 && l.times_dry() == dry);
}

bool is_worth_a_steal(const loop_core& l) noexcept {
  return l.has_stealable_apart_from_ready() || has_task_to_spare(l);
}

}  // namespace

runtime_core::runtime_core(const run_options& options, bool first_on_caller)
    : platform_(current_platform()),
      name_(options.name()),
      first_on_caller_(first_on_caller),
      tie_threads_(options.pin_threads()),
      parking_(static_cast<unsigned>(options.resolved_loops())),
      stall_limit_(options.stall_limit()),
      deadlock_limit_(options.deadlock_limit()),
      shutdown_timeout_(options.shutdown_timeout()),
      victim_seed_(platform_ == nullptr ? 1 : platform_->seed()),
      samples_(static_cast<std::size_t>(options.resolved_loops())),
      next_look_in_(calm_interval) {
  const int n = options.resolved_loops();
  if (options.max_submissions()) gate_.emplace(*options.max_submissions(), options.overflow());
  loop_setup setup;
  setup.asyncio_order = options.resolved_order() == run_order::asyncio;
  setup.debug = options.debug();
  setup.family = this;
  setup.task_numbers = &task_numbers_;
  setup.owner = this;
  setup.executor = &executor_;
  // Loops that share a core would keep each other from it.
  if (n <= usable_cores()) setup.spin_before_park = options.spin_before_park().count();
  if (n > 1) {
    setup.peers = this;
    setup.idle = &parking_.word();
  }
  for (int i = 0; i < n; ++i) {
    setup.has_thread = i > 0 || !first_on_caller;
    loops_.push_back(std::make_shared<event_loop>(setup));
    loops_.back()->core().index = static_cast<unsigned>(i);
  }
}

// Runs on a thread that was left behind, when it is the last to let go; else all has been closed before.
runtime_core::~runtime_core() {
  watchdog_.reset();
  close_loops();
  for (std::size_t i = loops_.size(); i-- > 0;) core(i).end_locals();
}

void runtime_core::start() {
  if (platform_ != nullptr) return;  // its driver runs them all
  if (tie_threads_ && first_on_caller_) caller_tie_.emplace(0);
  try {
    for (std::size_t i = first_on_caller_ ? 1 : 0; i < loops_.size(); ++i) {
      const std::string name = name_.substr(0, 10) + '-' + std::to_string(i);
      threads_.start(
          i, name, [self = shared_from_this(), i] { self->run_thread(i); },
          [self = shared_from_this(), i] { self->end_thread(i); });
    }
    start_watchdog();
  } catch (...) {
    stop(std::nullopt);
    throw;
  }
}

void runtime_core::start_watchdog() {
  watch_limits limits;
  limits.stall = stall_limit_.value_or(core(0).in_debug_mode() ? debug_stall_limit : std::chrono::nanoseconds(0));
  limits.deadlock = deadlock_limit_.value_or(std::chrono::nanoseconds(0));
  if (limits.stall.count() <= 0 && limits.deadlock.count() <= 0) return;
  std::vector<loop_core*> all;
  for (const auto& each : loops_) all.push_back(&each->core());
  watchdog_ = std::make_unique<watchdog>(std::move(all), limits, watch_counts_, name_);
}

void runtime_core::run_thread(std::size_t i) noexcept {
  std::optional<core_tie> tie;
  if (tie_threads_) tie.emplace(i);
  loop_core& l = core(i);
  l.enter("runtime");
  ending_.run_until_then(l);
  l.leave();
}

// After a stop() that gave up nothing is closed yet: the thread that is stuck destroys it all.
void runtime_core::end_thread(std::size_t i) noexcept {
  if (closed_) core(i).end_locals();
}

void runtime_core::stop(std::optional<worker_threads::time_point> deadline) {
  if (left_behind_) return;  // the thread that is stuck takes the rest along
  ending_.announce();        // E1
  for (std::size_t i = first_on_caller_ ? 1 : 0; i < loops_.size(); ++i) core(i).request_stop();  // E2
  const std::vector<std::size_t> stuck = threads_.await_ends(deadline);
  watchdog_.reset();
  if (stuck.empty()) {
    close_loops();
    closed_ = true;
  } else {
    leave_behind(stuck);
  }
  threads_.release();
  caller_tie_.reset();
  for (std::size_t i = loops_.size(); closed_ && i-- > 0;) core(i).end_locals();  // of loops without a thread
  stopped_.store(true, std::memory_order_relaxed);
}

// First all queues, then the tasks: a task may be listed at one loop and queued at another.
void runtime_core::close_loops() {
  if (gate_) gate_->close();
  for (std::size_t i = loops_.size(); i-- > 0;) core(i).drop_entries();
  for (std::size_t i = loops_.size(); i-- > 0;) core(i).close();
  for (std::size_t i = loops_.size(); i-- > 0;) core(i).identity().note_end();
}

void runtime_core::leave_behind(const std::vector<std::size_t>& stuck) {
  left_behind_ = true;
  if (gate_) gate_->close();
  for (const std::size_t i : stuck) {
    report r;
    r.message = "the thread of loop " + std::to_string(i) +
                " did not leave user code before the shutdown timeout; it is detached";
    for (const any_task& each : all_tasks_of(core(0))) {
      const task_core* t = static_cast<task_record&>(each.core("shutdown")).core();
      if (t == nullptr || &t->at() != &core(i) || !t->state.is_running()) continue;
      if (!r.details.empty()) r.details += "\n  ";
      to_string(each).swap(r.details);
    }
    core(0).report_error(std::move(r));
  }
  for (std::size_t i = loops_.size(); i-- > 0;) {
    const bool ended = std::find(stuck.begin(), stuck.end(), i) == stuck.end();
    if (ended) {
      core(i).drop_entries();
    } else {
      core(i).refuse_entries();
    }
  }
  for (const any_task& each : all_tasks_of(core(0))) each.core("shutdown").forget_waiters();
}

runtime_stats runtime_core::stats() const noexcept {
  runtime_stats sum;
  sum.loops = static_cast<int>(loops_.size());
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    sum.tasks_run += core(i).steps.load(std::memory_order_relaxed);
    sum.parks += core(i).parks.load(std::memory_order_relaxed);
    sum.steals += core(i).steals();
    sum.messages += core(i).messages.load(std::memory_order_relaxed);
    sum.doorbells += core(i).doorbells.load(std::memory_order_relaxed);
  }
  sum.takeovers = takeovers_.load(std::memory_order_relaxed);
  sum.stalls = watch_counts_.stalls.load(std::memory_order_relaxed);
  sum.deadlocks = watch_counts_.deadlocks.load(std::memory_order_relaxed);
  return sum;
}

bool runtime_core::on_own_loop() const noexcept {
  const home* here = this_thread().loop;
  return here != nullptr && here->family() == this;
}

bool runtime_core::on_own_executor() {
  const std::lock_guard hold(executor_.guard);
  if (executor_.executor != nullptr && executor_.executor->runs_caller()) return true;
  return std::any_of(executor_.replaced.begin(), executor_.replaced.end(),
                     [](const auto& each) { return each.use_count() == 1 && each->runs_caller(); });
}

stolen runtime_core::steal(loop_core& thief) {
  const std::size_t n = loops_.size();
  rng order(victim_seed_.fetch_add(0x9e3779b97f4a7c15ULL, std::memory_order_relaxed));
  const std::size_t first = order.below(n);
  for (std::size_t k = 0; k < n; ++k) {
    loop_core& victim = core((first + k) % n);
    if (&victim == &thief || !is_worth_a_steal(victim)) continue;
    if (const stolen s = victim.take_stealable(thief); s.task != nullptr) return s;
  }
  return {};
}

void runtime_core::work_added() noexcept {
  if (loop_core* l = parking_.take_sleeper(); l != nullptr) l->wake();
}

void runtime_core::found_work(loop_core& l, bool more) noexcept {
  const parking::look look = parking_.found_work(l);
  if (look == parking::look::none) return;
  for (const auto& each : loops_) {
    const loop_core& other = each->core();
    const bool pushed = look == parking::look::everything && &other != &l && !other.ready.empty();
    more = more || pushed || other.has_stealable_apart_from_ready();
  }
  if (more) work_added();
}

bool runtime_core::anything_to_steal() const noexcept {
  return std::any_of(loops_.begin(), loops_.end(), [](const auto& each) { return is_worth_a_steal(each->core()); });
}

void runtime_core::for_each_loop(void (*each)(loop_core&, void*), void* context) {
  for (const auto& l : loops_) each(l->core(), context);
}

std::int64_t runtime_core::about_to_sleep(loop_core& l) {
  const bool others_awake = parking_.sleep(l);
  if (!others_awake || !watcher_.take(l)) return never;
  const std::int64_t next = next_look_in_.load(std::memory_order_relaxed);
  return l.now() + (next > stuck_interval ? watch_interval : next);
}

void runtime_core::awake(loop_core& l, bool searches_on) noexcept {
  parking_.awake(l, searches_on);
  watcher_.give_up(l);
}

// An alarm wakes some sleeper if this goes on for long. Most times it is set already, and it costs one system call.
void runtime_core::starts_work(loop_core& l) noexcept {
  watcher_.assign([this] { return parking_.any_sleeper(); },
                  [&l](loop_core& chosen) { chosen.sleep_place().wake_at(l.now() + watch_interval); });
}

void runtime_core::look_after_others(loop_core& l) {
  if (watcher_.held_by(l)) look(l, l.now());
}

// Who works all the time never watches, so it looks between its turns.
bool runtime_core::look_between_turns(loop_core& l, std::int64_t now) {
  if (now - last_look_.load(std::memory_order_relaxed) < next_look_in_.load(std::memory_order_relaxed)) return false;
  return look(l, now);
}

bool runtime_core::look(loop_core& l, std::int64_t now) {
  if (!looking_.try_lock()) return false;  // somebody else is about it
  last_look_.store(now, std::memory_order_relaxed);
  seen all;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    if (&core(i) == &l) continue;
    const seen one = stand_in(i, now);
    all.stuck |= one.stuck;
    all.found |= one.found;
  }
  // Who was stuck may soon be so again: not to wait for the long interval each time keeps its connections alive.
  looks_left_ = all.stuck ? looks_after_stuck : std::max(0, looks_left_ - 1);
  const std::int64_t next = all.found ? eager_interval : looks_left_ > 0 ? stuck_interval : calm_interval;
  next_look_in_.store(next, std::memory_order_relaxed);
  looking_.unlock();
  return all.found;
}

runtime_core::seen runtime_core::stand_in(std::size_t i, std::int64_t now) {
  loop_core& l = core(i);
  sample& last = samples_[i];
  const std::uint64_t steps = l.steps.load(std::memory_order_relaxed);
  if (l.sleeping() || last.steps != steps) {
    last = sample{steps, now};
    return {};
  }
  if (now - last.since < stuck_interval) return {};
  const bool ran = l.sleep_place().poll();
  const bool fired = l.timers->fire_due_elsewhere(now);
  if (ran || fired) takeovers_.fetch_add(1, std::memory_order_relaxed);
  return {true, ran || fired};
}

runtime_core* runtime_of(loop_core& l) noexcept { return static_cast<runtime_core*>(l.setup().owner); }

}  // namespace gyre::detail
