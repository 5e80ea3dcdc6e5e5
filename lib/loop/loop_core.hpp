// SPDX-License-Identifier: BSL-1.0
#pragma once
// The inside of an event loop: its queues, timers, registry and reactor, and the turn that runs them.  Layer: loop.
#include "executor_slot.hpp"
#include "foreign_inbox.hpp"
#include "forked.hpp"
#include "local_table.hpp"
#include "lone_calls.hpp"
#include "message_list.hpp"
#include "parker.hpp"
#include "sleep_mark.hpp"
#include "spin_policy.hpp"
#include "surroundings.hpp"

#include <gyre/base/clock.hpp>
#include <gyre/base/config.hpp>
#include <gyre/base/rng.hpp>
#include <gyre/base/spin_lock.hpp>
#include <gyre/base/steal_deque.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/generator_state.hpp>
#include <gyre/core/home.hpp>
#include <gyre/core/task.hpp>
#include <gyre/loop/exception_handler.hpp>
#include <gyre/loop/timers.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace gyre::detail {

class platform;

/// Queues and who touches them:
///   ring_, batch_     pinned tasks and callbacks; the loop's thread only. batch_ is what was ready when the turn began.
///   ready             stealable tasks, first in, first out: pushed by the loop's thread, taken by anybody.
///   forks             children of fork-joins that have not begun, parents whose turn was over: newest here, oldest to thieves.
///   tasks_in_         stealable tasks woken from other threads; anybody may take them all.
///   messages_in_      pinned tasks and callbacks from other threads of gyre.
///   foreign_*         the same two kinds from threads outside.
///
/// How it falls asleep, against anybody who queues something here: sleep_mark.hpp.
class loop_core final : public home {
 public:
  loop_core(const loop_setup& setup, event_loop& shell);
  loop_core(const loop_core&) = delete;
  loop_core& operator=(const loop_core&) = delete;
  ~loop_core();

  // home
  void enqueue(task_core& t) noexcept override;
  void begin(task_core& t) noexcept override;
  void post(runnable& r) noexcept override;
  void add_task(task_record& t) noexcept override;
  void remove_task(task_record& t) noexcept override;
  [[nodiscard]] bool extend_turn(thread_state& thread) noexcept override;
  void tell_peers() noexcept override { setup_.peers->work_added(); }
  void add_orphans(join_head& block) noexcept override;
  void remove_orphans(join_head& block) noexcept override;
  void add_generator(generator_state& g) noexcept override;
  bool remove_generator(generator_state& g) noexcept override;
  /// Takes the generators that are open, each held for the caller. Those begun later are reported.   Thread: any.
  [[nodiscard]] std::vector<generator_state*> take_generators();
  void report_error(report r) noexcept override;
  void end_program(std::exception_ptr error) noexcept override;
  [[nodiscard]] std::uint64_t next_task_number() noexcept override;
  [[nodiscard]] std::shared_ptr<task_factory> factory() noexcept override;
  void set_factory(std::shared_ptr<task_factory> factory) noexcept;
  [[nodiscard]] bool asyncio_order() const noexcept override { return setup_.asyncio_order; }
  [[nodiscard]] const void* family() const noexcept override { return setup_.family; }
  [[nodiscard]] event_loop& as_loop() noexcept override { return *shell_; }

  void queue_timer_now(timer_node& node) noexcept { timer_heap::queue_now(node, ring_); }
  /// Queues an entry at a loop that does not run, from the thread that uses it.
  void post_local(runnable& r) noexcept { ring_.push_back(r); }
  /// Queues an entry from a thread outside the runtime; a stealable one may be run by any loop.
  /// Throws:  loop_closed, std::bad_alloc; then nothing was queued.
  void post_foreign(runnable& r, bool stealable, const char* call);
  /// The same for the first steps of new tasks, which it registers first: one burst, one doorbell. When it throws, the tasks
  /// have been destroyed unrun.
  void submit(std::span<own_task* const> tasks, bool stealable, const char* call);

  /// Makes this thread the loop's.   Throws: already_running.
  void enter(const char* call);
  void leave() noexcept;

  /// The same for one turn of a simulation, which runs several loops on one thread.
  [[nodiscard]] thread_state own_thread_state() noexcept;

  /// Runs what is ready: one turn. False if there was nothing.
  bool turn();
  /// Sleeps until there may be something.
  void park();
  /// Sleep's first half: true if there is really nothing; then the sleep and get_up() must follow.
  [[nodiscard]] bool prepare_park(std::int64_t& deadline);
  void get_up();
  /// Turns and sleeps until stop_requested.
  void run();
  /// Ends run() after the current turn.   Thread: any.
  void request_stop() noexcept;

  /// Ends everything here: entries are dropped, tasks abandoned. The loop must not be running.
  void close() noexcept;
  /// The first half alone, for the loops of a runtime, whose tasks may be in each other's queues.
  void drop_entries() noexcept;
  /// Destroys what loop_local objects keep here; when all tasks of the runtime are gone, on the loop's own thread.
  void end_locals() noexcept;
  /// Its thread is stuck in user code: takes no entries any more, and drops what came from outside the runtime.
  void refuse_entries() noexcept;

  void wake_if_sleeping() noexcept;
  /// Another worker of the runtime has armed a timer here: the sleep may go past its deadline.
  void wake_for_timer() noexcept;
  void wake() noexcept {
    if (sleeper_->wake()) doorbells.fetch_add(1, std::memory_order_relaxed);
  }

  [[nodiscard]] bool queues_behind_others(const task_core& running) const noexcept;
  /// Everything stealable that another thread may take.   Thread: any.
  [[nodiscard]] stolen take_stealable(loop_core& thief) noexcept;
  /// Something that another thread may take, besides the ready tasks.
  [[nodiscard]] bool has_stealable_apart_from_ready() const noexcept {
    return !forks.empty() || !tasks_in_.empty() || !foreign_tasks_.empty();
  }
  [[nodiscard]] bool nothing_came_in() const noexcept;
  /// How often its queue of ready tasks has become empty because the last one was begun.   Thread: any.
  [[nodiscard]] std::uint64_t times_dry() const noexcept { return ran_dry_.load(std::memory_order_relaxed); }
  /// Runs what steal() gave.
  void run_stolen(stolen s) noexcept;
  void note_stolen() noexcept { steals_.store(steals_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

  template <class F>
  void for_each_task(F&& f) {
    const std::lock_guard hold(registry_lock_);
    registry_.for_each(f);
  }
  /// Returns how many blocks have ever been listed here.
  template <class F>
  std::uint64_t for_each_orphan_block(F&& f) {
    const std::lock_guard hold(registry_lock_);
    orphans_.for_each(f);
    return orphans_listed_;
  }

  [[nodiscard]] std::int64_t now() const noexcept { return setup_.clock->now(); }
  [[nodiscard]] bool has_neighbours() const noexcept { return setup_.peers != nullptr; }
  [[nodiscard]] loop_setup& setup() noexcept { return setup_; }
  [[nodiscard]] bool running() const noexcept { return run_right_.is_held(); }
  /// The kernel's number of the thread that runs it; 0 for none.
  [[nodiscard]] int thread_number() const noexcept { return thread_number_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool sleeping() const noexcept { return sleeping_.asleep(); }
  [[nodiscard]] bool on_own_thread() const noexcept { return this_thread().loop == this; }
  [[nodiscard]] parker& sleep_place() noexcept { return *sleeper_; }
  [[nodiscard]] executor_slot& executor() noexcept {
    return setup_.executor == nullptr ? own_executor_ : *setup_.executor;
  }

  // Debug mode, and how long a step or callback may take in it before it is reported, in nanoseconds.   Thread: any.
  std::atomic<std::int64_t> slow_callback_ns{100'000'000};

  bool searching = false;  // counted as a searcher; under parking's lock, the loop's thread may read it
  unsigned index = 0;      // within its runtime

  const std::unique_ptr<timer_heap> timers;
  steal_deque<task_core> ready;
  steal_deque<task_core> forks;
  local_table locals;  // the thread's that runs the loop
  exception_handler_slot handler;
  std::exception_ptr fatal;  // what must leave run(); the loop's thread only

  void send_fatal(std::exception_ptr error) noexcept;      ///< ends run() with `error`, from another thread
  [[nodiscard]] std::exception_ptr take_fatal() noexcept;  ///< what run() must end with, or null

  std::atomic<bool> stop_requested{false};

  // Counters: written by the loop's thread, read by anybody.
  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint64_t> parks{0};
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> doorbells{0};  // written by whoever rings
  [[nodiscard]] std::uint64_t steals() const noexcept { return steals_.load(std::memory_order_relaxed); }

 private:
  loop_core(event_loop& shell, const loop_setup& equipped);
  void awoken(bool searches_on = false) noexcept;
  bool spin();  // true if there may be something now
  bool turn_asyncio();
  void poll_in_asyncio_order();
  bool turn_fork_join();
  bool collect();
  /// Whether parker::wait() runs completions. That of the simulation does not: there a turn has to.
  [[nodiscard]] bool sleep_polls() const noexcept { return setup_.driver == nullptr; }
  void adapt_turn(std::int64_t time) noexcept;
  [[nodiscard]] std::uint32_t steps_to_next_look(bool timed) noexcept;
  bool run_one();
  bool run_next_queue();  ///< the rest of run_one(): a round of the queues, from the one after that of the last step
  bool run_from(unsigned queue);
  bool run_pinned(), run_ready(), run_forks();
  void fire_before_iteration();
  bool drain_inboxes();
  void count_message() noexcept {
    messages.store(messages.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void count_step() noexcept { steps.store(steps.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  [[nodiscard]] bool nothing_waits_but_forks() const noexcept;
  [[nodiscard]] bool nothing_to_do() const noexcept;
  [[nodiscard]] std::int64_t park_deadline() const noexcept;
  void queue_foreign(std::span<runnable* const> entries, bool stealable);
  void drop_foreign() noexcept;
  void close_own_executor() noexcept;
  void abandon_tasks() noexcept;
  void abandon_orphans() noexcept;
  void queue_here(task_core& t) noexcept;
  void send(task_core& t) noexcept;
  /// A searcher need not tell anybody: it looks at its own queue when it ends its search.
  void push_ready(task_core& t, bool tells = true) noexcept;
  void tell_of_ready() noexcept;
  void tell(bool stealable) noexcept;
  /// It has found work, of which `next` ready tasks are what it runs now.
  void end_search(std::int64_t next) noexcept { setup_.peers->found_work(*this, ready.size() > next); }
  void resume_fork(task_core& t) noexcept;
  void run_entry(runnable& r) noexcept {
    if (in_debug_mode()) [[unlikely]] {
      run_timed(r, false);
    } else if (task_core* t = task_core::of(r); t != nullptr) {
      run_task(*t, *this);
    } else {
      r.run();
    }
  }
  void run_fork(task_core& t) noexcept {
    if (in_debug_mode()) [[unlikely]] {
      run_timed(t, true);
    } else {
      resume_fork(t);
    }
  }
  void run_timed(runnable& r, bool fork_child) noexcept;
  void report_slow(task_core* task, call_core* call, std::int64_t took) noexcept;
  void ask_to_be_watched() noexcept {
    if (watched_ || setup_.peers == nullptr) return;
    watched_ = true;
    setup_.peers->starts_work(*this);
  }

  const counted_loop counted_;
  loop_setup setup_;
  spin_policy spinning_;   // the loop's thread only
  bool was_sent_ = false;  // likewise: something came from another thread since the last turn ended
  event_loop* shell_;
  std::unique_ptr<parker> own_parker_;
  parker* sleeper_;
  intrusive_list<runnable> ring_;
  intrusive_list<runnable> batch_;
  message_list tasks_in_;
  message_list messages_in_;
  foreign_inbox foreign_;        // pinned tasks and callbacks
  foreign_inbox foreign_tasks_;  // stealable tasks
  spin_lock registry_lock_;
  intrusive_list<task_record, registry_tag> registry_;
  intrusive_list<join_head, orphan_tag> orphans_;
  std::uint64_t orphans_listed_ = 0;
  intrusive_list<generator_state, generator_tag> generators_;  // under registry_lock_
  bool generators_shut_ = false;                               // likewise
  unsigned queue_ = 0;                                         // from which the last step was taken
  int from_queue_ = 0;  // how many more may come from there before the others have their turn
  int quantum_ = 1;     // what a queue gets of this turn before the others
  std::int64_t last_poll_ = 0;
  bool slept_ = false;  // since the last turn began: the sleep has polled
  int turns_since_poll_ = 0;
  int steps_by_time_ = 61;         // what a turn may take, after the time that the last ones took
  std::int64_t last_collect_ = 0;  // 0 after a sleep
  bool watched_ = false;           // the peers know that this loop runs user code
  spin_lock sent_fatal_lock_;
  std::exception_ptr sent_fatal_;
  spin_lock factory_lock_;
  std::shared_ptr<task_factory> factory_;
  platform* platform_;  // null: the real one
  executor_slot own_executor_;
  thread_state outer_;   // what this thread was before enter()
  spin_lock run_right_;  // held by the thread that runs it
  std::atomic<int> thread_number_{0};
  std::atomic<std::uint64_t> steals_{0}, ran_dry_{0};  // counters, as those above
  lone_calls lone_calls_;
  std::atomic<std::uint64_t> own_task_numbers_{1};
  alignas(cache_line) sleep_mark sleeping_;
  alignas(cache_line) std::atomic<std::uint64_t> taken_from_{0};  // ready tasks that others have taken; written by them
};

/// The unfinished tasks of the runtime that `any_loop` belongs to.
[[nodiscard]] task_set all_tasks_of(loop_core& any_loop);

/// The inside of a loop that the caller knows by its public face.
[[nodiscard]] loop_core& core_of(event_loop& loop) noexcept;

}  // namespace gyre::detail
