// SPDX-License-Identifier: BSL-1.0
// The order of one turn.
//
// asyncio order: poll (not at every turn, see below), take what was sent, take the timers that are due, then run exactly
// what was ready by then. What that queues waits for the next turn.
//
// fork_join order: up to 61 steps, from three queues in turns: pinned tasks and callbacks (whose batches keep asyncio's
// iterations), ready tasks (first in, first out), children of fork-joins (the newest first). A queue that has entries gets a
// quarter of the turn before the next: a pinned task that awaits many stealable ones is then not woken for every one of them.
// A loop without neighbours has no stealable tasks: they all go through the first queue. I/O and timers are looked at
// between turns, I/O at most every 50 us, so that neither a stream of ready tasks nor a deep computation can keep them
// waiting.
//
// A fork-join goes on from child to child and to the parent within one step, each at the cost of a unit of the turn. When
// they are used up, it goes on all the same if nothing else waits here: to end a turn costs what some children cost. And
// where it stops, it leaves what comes next as the newest of its queue, so that the next turn goes on there: if it began
// with another child instead, every turn would leave a half-done path, and memory would grow with the computation (fib(35):
// 9 MiB of them, and 39 ns a call for 24).
#include "loop_core.hpp"

#include <gyre/base/text.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/core/transfer.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace gyre::detail {
namespace {

constexpr int turns_a_poll = 61;
constexpr int most_steps = 61;
constexpr unsigned pinned_queue = 0, queues = 3;
constexpr std::size_t most_stolen = 32;         // ready tasks at once
constexpr std::uint32_t steps_a_look = 6;       // after which a turn looks again how long it takes
constexpr std::int64_t turn_limit = 1'000'000;  // ns
constexpr std::int64_t poll_interval = 50'000;  // ns

}  // namespace

bool loop_core::drain_inboxes() {
  bool any = messages_in_.take_all([this](runnable& r) {
    count_message();
    ring_.push_back(r);
  });
  while (runnable* r = foreign_.take()) {
    count_message();
    ring_.push_back(*r);
    any = true;
  }
  any |= tasks_in_.take_all([this](runnable& r) {
    count_message();
    push_ready(static_cast<task_core&>(r), !searching);
  });
  while (runnable* r = foreign_tasks_.take()) {
    count_message();
    push_ready(static_cast<task_core&>(*r), !searching);
    any = true;
  }
  was_sent_ |= any;
  return any;
}

bool loop_core::turn() { return setup_.asyncio_order ? turn_asyncio() : turn_fork_join(); }

// A poll is a system call: while callbacks are ready it is made once in 61 turns or 50 us, whichever comes first. When
// nothing is ready the loop falls asleep, which polls; but the last turn before a stop is to see what has come.
void loop_core::poll_in_asyncio_order() {
  if (!sleeper_->has_io()) return;
  const std::int64_t time = now();
  const bool has_slept = std::exchange(slept_, false);
  const bool due = !has_slept && (++turns_since_poll_ >= turns_a_poll || time - last_poll_ >= poll_interval);
  const bool last = !sleep_polls() || stop_requested.load(std::memory_order_relaxed);
  const bool polls = due || (last && ring_.empty());
  if (polls || has_slept) {
    turns_since_poll_ = 0;
    last_poll_ = time;
  }
  if (polls) sleeper_->poll();
}

bool loop_core::turn_asyncio() {
  poll_in_asyncio_order();
  drain_inboxes();
  if (timers->next_deadline() != never) timers->fire_due(now(), ring_);
  batch_.splice_back(ring_);
  bool any = false;
  if (!batch_.empty()) ask_to_be_watched();
  while (!batch_.empty()) {
    any = true;
    count_step();
    run_entry(batch_.pop_front());
    if (fatal != nullptr) [[unlikely]]
      break;  // leaves at once; the rest stays for the next run
  }
  return any;
}

inline bool loop_core::run_pinned() {
  if (batch_.empty()) {
    if (timers->next_deadline() != never) [[unlikely]]
      fire_before_iteration();
    batch_.splice_back(ring_);
    if (batch_.empty()) return false;
  }
  count_step();
  runnable& next = batch_.pop_front();
  if (batch_.empty()) from_queue_ = 0;  // what this iteration queues here waits for a turn of the other queues
  run_entry(next);
  return true;
}

// A new iteration of the pinned ring: timers that are due come after what is ready, as in asyncio.
GYRE_NOINLINE void loop_core::fire_before_iteration() {
  if (!ring_.empty()) timers->fire_due(now(), ring_);
}

inline bool loop_core::run_ready() {
  task_core* t = ready.take();
  if (t == nullptr) return false;
  if (ready.empty()) ran_dry_.store(ran_dry_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  count_step();
  if (in_debug_mode()) [[unlikely]] {
    run_timed(*t, false);
  } else {
    run_task(*t, *this);
  }
  return true;
}

inline bool loop_core::run_forks() {
  task_core* t = forks.pop();
  if (t == nullptr) return false;
  count_step();
  run_fork(*t);
  return true;
}

inline bool loop_core::run_from(unsigned queue) {
  switch (queue) {
    case pinned_queue:
      return (!batch_.empty() || !ring_.empty()) && run_pinned();
    case 1:
      return !ready.empty() && run_ready();
    default:
      return !forks.empty() && run_forks();
  }
}

// In most programs with one loop the other two queues are always empty: then the next iteration of this one begins at once.
inline bool loop_core::run_one() {
  if (--from_queue_ >= 0 && run_from(queue_)) [[likely]]
    return true;
  if (queue_ != pinned_queue || !ready.empty() || !forks.empty()) return run_next_queue();
  from_queue_ = quantum_ - 1;
  return run_from(pinned_queue);
}

GYRE_NOINLINE bool loop_core::run_next_queue() {
  for (unsigned tried = 0; tried < queues; ++tried) {
    queue_ = (queue_ + 1) % queues;
    from_queue_ = quantum_ - 1;
    if (run_from(queue_)) return true;
  }
  return false;
}

bool loop_core::turn_fork_join() {
  bool any = collect();
  thread_state& thread = this_thread();  // this code stays on its thread, whatever the tasks do
  const int most = std::min(setup_.steps_a_turn, steps_by_time_);
  thread.budget = static_cast<std::uint32_t>(most);
  quantum_ = std::max(1, most / 4);
  if (!ring_.empty() || !batch_.empty() || !ready.empty() || !forks.empty()) {
    ask_to_be_watched();
    const bool pinned = !ring_.empty() || !batch_.empty();
    if (searching) end_search(pinned ? 0 : 1);  // before the steps: one of them may be long
  }
  std::uint32_t look_at = thread.budget - std::min(thread.budget, steps_a_look);
  bool timed = last_collect_ != 0;
  for (; thread.budget > 0 && run_one(); --thread.budget) {
    any = true;
    if (stop_requested.load(std::memory_order_relaxed)) return true;
    if (thread.budget <= look_at) [[unlikely]] {
      const std::uint32_t next = steps_to_next_look(timed);
      if (next == 0) break;
      timed |= last_collect_ != 0 && next != 1;
      look_at = thread.budget - std::min(thread.budget, next);
    }
  }
  if (any) return true;
  if (setup_.peers == nullptr && sleep_polls()) return false;  // what the reactor has ends the sleep
  if (sleeper_->has_io() && sleeper_->poll()) return true;
  if (setup_.peers == nullptr) return false;
  const stolen s = setup_.peers->steal(*this);
  if (s.task == nullptr) return false;
  note_stolen();
  was_sent_ = true;
  if (searching) end_search(0);
  run_stolen(s);
  return true;
}

// In debug mode: a step or callback that takes long is reported with its text.
void loop_core::run_timed(runnable& r, bool fork_child) noexcept {
  if (is_forked()) end_forked_child();
  task_core* task = task_core::of(r);
  call_core* call = call_core::of(r);
  if (task != nullptr) task->type->hold(*task);
  if (call != nullptr) call->retain();
  const std::int64_t begun = now();
  if (fork_child) {
    resume_fork(*task);
  } else {
    r.run();
  }
  const std::int64_t took = now() - begun;
  if (took >= slow_callback_ns.load(std::memory_order_relaxed)) report_slow(task, call, took);
  if (task != nullptr) task->type->drop(*task);
  if (call != nullptr) call->release();
}

void loop_core::report_slow(task_core* task, call_core* call, std::int64_t took) noexcept {
  try {
    report r;
    r.message = "Executing ";
    core_ref<task_record> record;
    if (task != nullptr) {
      record = core_ref<task_record>(task->type->record(*task));
      record->append_text(r.message);
      r.future = record.get();
    } else if (call != nullptr) {
      call->append_text(r.message);
      r.callback = call;
    } else {
      r.message += "a callback";
    }
    r.message += " took ";
    append_double(r.message, static_cast<double>(took / 1'000'000) * 1e-3);
    r.message += " seconds";
    report_error(std::move(r));
  } catch (const std::bad_alloc&) {
    report_error(report());
  }
}

// What came from outside since the last turn.
bool loop_core::collect() {
  bool any = drain_inboxes();
  const bool timed = timers->next_deadline() != never;
  if (!timed && !sleeper_->has_io()) return any;
  const std::int64_t time = now();
  adapt_turn(time);
  if (timed) any |= timers->fire_due(time, ring_);
  if (setup_.peers != nullptr) any |= setup_.peers->look_between_turns(*this, time);
  if (std::exchange(slept_, false)) {
    last_poll_ = time;
  } else if (time - last_poll_ >= poll_interval && sleeper_->has_io()) {
    last_poll_ = time;
    any |= sleeper_->poll();
  }
  return any;
}

// How many steps this turn may take before the next look at the clock; 0 if it has kept I/O or timers waiting for long enough.
// A look at the rough clock costs a tenth of the steps between two, and what that is late by is no more than a long step. A
// turn that began before there was anything to wait for is not `timed`: it counts from the first look, and the second one
// comes soon.
std::uint32_t loop_core::steps_to_next_look(bool timed) noexcept {
  if (!sleeper_->has_io() && timers->next_deadline() == never) return steps_a_look;
  const std::int64_t time = timed ? setup_.clock->roughly_now() : now();
  if (last_collect_ != 0) return time - last_collect_ > turn_limit ? 0 : steps_a_look;
  last_collect_ = time;
  return 1;
}

// Steps of milliseconds must not keep I/O and timers waiting for 61 of them: a turn that took long halves the next one, a
// short one doubles it.
void loop_core::adapt_turn(std::int64_t time) noexcept {
  const bool took_long = last_collect_ != 0 && time - last_collect_ > turn_limit;
  last_collect_ = time;
  steps_by_time_ = took_long ? std::max(1, steps_by_time_ / 2) : std::min(most_steps, steps_by_time_ * 2);
}

// Whether that task, if it yields now, goes on after others that are ready, and for certain here: nobody takes from this queue.
bool loop_core::queues_behind_others(const task_core& running) const noexcept {
  return (setup_.peers == nullptr || running.state.is_pinned()) && !(ring_.empty() && batch_.empty());
}

// What is looked at between turns must not wait for longer than without this: I/O is polled every so often, for the rest a
// turn ends as soon.
bool loop_core::extend_turn(thread_state& thread) noexcept {
  const bool bounded = setup_.driver != nullptr || in_debug_mode() || searching;  // somebody counts or times the steps
  if (bounded || !nothing_waits_but_forks()) return false;
  if (const bool timed = timers->next_deadline() != never; timed || sleeper_->has_io()) {
    const std::int64_t time = now();
    if (last_collect_ == 0) last_collect_ = time;
    const std::int64_t looked = sleeper_->has_io() ? last_poll_ : last_collect_;
    if (time - looked >= poll_interval || timers->next_deadline() <= time) return false;
  }
  count_step();
  thread.budget = static_cast<std::uint32_t>(steps_by_time_);
  return true;
}

// A child of a fork-join that waits in a deque counts as running: nobody else will begin it. A parent there does not.
void loop_core::resume_fork(task_core& t) noexcept {
  if (t.state.is_ready()) return run_task(t, *this);
  thread_state& thread = this_thread();
  thread.current = &t;
  t.move_to(*this);
  trace(trace_event::step, t);
  if (t.state.cancel_pending()) [[unlikely]] {
    finish_unstarted(t);
  } else {
    resume_chain(t.resume_point);
  }
  end_step();
}

void loop_core::run_stolen(stolen s) noexcept {
  ask_to_be_watched();
  count_step();
  trace(trace_event::stolen, *s.task);
  if (s.fork_child) {
    run_fork(*s.task);
  } else {
    run_entry(*s.task);
  }
}

stolen loop_core::take_stealable(loop_core& thief) noexcept {
  if (task_core* t = forks.steal(); t != nullptr) return {t, true};
  std::array<task_core*, most_stolen> some;
  if (const std::size_t n = ready.take_half(some); n != 0) {
    taken_from_.fetch_add(n, std::memory_order_relaxed);
    for (std::size_t i = 1; i < n; ++i) thief.push_ready(*some[i], !thief.searching);
    return {some[0], false};
  }
  if (runnable* r = foreign_tasks_.take(); r != nullptr) {
    thief.count_message();
    return {static_cast<task_core*>(r), false};
  }
  stolen first;
  tasks_in_.take_all([&](runnable& r) {
    thief.count_message();
    auto& t = static_cast<task_core&>(r);
    if (first.task == nullptr) {
      first.task = &t;
    } else {
      thief.push_ready(t, !thief.searching);
    }
  });
  return first;
}

}  // namespace gyre::detail
