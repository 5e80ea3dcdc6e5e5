// SPDX-License-Identifier: BSL-1.0
#pragma once
// The one seam between tasks and loops: "enqueue this at home". An event_loop is a home.  Layer: core.
#include <gyre/base/unique_function.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/loop_identity.hpp>
#include <gyre/core/runnable.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace gyre {
class event_loop;
class any_coro;
class any_task;
struct task_options;
using task_factory = unique_function<any_task(event_loop&, any_coro&, const task_options&)>;
}  // namespace gyre

namespace gyre::detail {

class task_core;
class task_record;
class future_core;
class call_core;
class context_slot;
class generator_state;
class join_head;
class home;
struct thread_state;

/// What is known about an error that nobody took: the loop's exception handler gets it.
struct report {
  std::string message;
  std::exception_ptr exception;
  future_core* future = nullptr;    // the task or future concerned, if it still lives
  call_core* callback = nullptr;    // the callback of call_soon or call_later concerned
  context_slot* context = nullptr;  // that the exception handler is to run in
  std::string details;              // place of creation, await chain
};

/// A loop_visit for code that does not know on whose thread it runs: threads of the runtime itself need no visit, since they
/// have ended when its loops close, and the closing thread plays one of the loops.
class runtime_visit {
 public:
  enum class purpose : std::uint8_t { queue, look };

  /// `loop` may be null: that of a future without one, always admitted.
  runtime_visit(loop_identity* loop, std::uint32_t era, purpose why) noexcept;
  runtime_visit(const runtime_visit&) = delete;
  runtime_visit& operator=(const runtime_visit&) = delete;
  ~runtime_visit() {
    if (entered_ != nullptr) entered_->leave();
  }

  [[nodiscard]] bool admitted() const noexcept { return admitted_; }

 private:
  loop_identity* entered_ = nullptr;
  bool admitted_ = true;
};

/// What a task needs from the loop that it wakes on.
///
/// Thread:  every member may be called from any thread unless it says otherwise.
class home {
 public:
  /// Queues a task of this home that has just become ready: here if it is pinned or the caller is no loop of the runtime,
  /// else at the caller's loop. Ownership of its next step passes with the call.
  virtual void enqueue(task_core& t) noexcept = 0;
  /// Queues a new task here, wherever the caller is.
  virtual void begin(task_core& t) noexcept = 0;

  /// Queues a callback: it runs on this loop's thread, in order with its other callbacks and pinned tasks. On a closed
  /// loop it is dropped at once.
  virtual void post(runnable& r) noexcept = 0;

  /// Begins to wake a task that is parked under a lock which the caller holds: this home lives for as long. False if it is
  /// closing, and will destroy the task. Else it does not close before end_wake(), though the caller, who may be a thread
  /// outside of its runtime, lets go of the lock and queues the task after that.
  [[nodiscard]] bool begin_wake() noexcept { return called_from_inside() || identity_.try_enter(identity_.era()); }
  void end_wake() noexcept {
    if (!called_from_inside()) identity_.leave();
  }

  /// What objects keep that may outlive the loop.
  [[nodiscard]] loop_identity& identity() const noexcept { return identity_; }

  /// True once the loop is closed and takes no entries any more.
  [[nodiscard]] bool closed() const noexcept { return !identity_.open(); }

  virtual void add_task(task_record& t) noexcept = 0;     // makes it visible to all_tasks()
  virtual void remove_task(task_record& t) noexcept = 0;  // called on the home that it was made for, maybe not added to

  /// Lists a generator that was begun on this loop, until it has ended.
  virtual void add_generator(generator_state& g) noexcept = 0;
  virtual bool remove_generator(generator_state& g) noexcept = 0;  // false if it was not listed any more

  /// A chain of tasks that hand on to each other has used up its turn. True: nobody waits for the turn to end, and there
  /// is a new budget.   Thread: the loop's.
  [[nodiscard]] virtual bool extend_turn(thread_state& thread) noexcept = 0;

  /// There is new stealable work in this loop's queues, and some worker sleeps.   Thread: the loop's.
  virtual void tell_peers() noexcept = 0;

  /// Keeps the children of a failed fork-join listed until the last of them has ended.
  virtual void add_orphans(join_head& block) noexcept = 0;
  virtual void remove_orphans(join_head& block) noexcept = 0;

  /// Hands an error to the exception handler. Never throws; user code runs in it.
  virtual void report_error(report r) noexcept = 0;

  /// An exception that must end the program left a task: it leaves the loop's run function too.
  virtual void end_program(std::exception_ptr error) noexcept = 0;

  /// True if tasks are made by a factory.
  [[nodiscard]] bool has_factory() const noexcept { return has_factory_.load(std::memory_order_relaxed); }
  /// The factory, null if there is none.
  [[nodiscard]] virtual std::shared_ptr<task_factory> factory() noexcept = 0;

  /// asyncio's debug mode: futures note where they are made, the loop checks more.
  [[nodiscard]] bool in_debug_mode() const noexcept { return debug_.load(std::memory_order_relaxed); }
  void set_debug_mode(bool on) noexcept { debug_.store(on, std::memory_order_relaxed); }

  /// The number of the next task named Task-N.
  [[nodiscard]] virtual std::uint64_t next_task_number() noexcept = 0;

  /// True where creation, wake-ups and gather take exactly asyncio's steps for every task.
  [[nodiscard]] virtual bool asyncio_order() const noexcept = 0;

  /// Loops of one runtime share this value; tasks of another runtime cannot be awaited.
  [[nodiscard]] virtual const void* family() const noexcept = 0;

  /// The loop itself, for get_loop().
  [[nodiscard]] virtual event_loop& as_loop() noexcept = 0;

 protected:
  home() : identity_(loop_identity::take(*this)) {}
  home(const home&) = delete;
  home& operator=(const home&) = delete;
  ~home() { identity_.give_back(); }

  /// Threads of the runtime itself need no visit: they have ended when its loops are closed, and who closes them plays one.
  [[nodiscard]] bool called_from_inside() const noexcept {
    const home* here = this_thread().loop;
    return here == this || (here != nullptr && here->identity_.family() == identity_.family());
  }

  void note_factory(bool there_is_one) noexcept { has_factory_.store(there_is_one, std::memory_order_relaxed); }

 private:
  loop_identity& identity_;
  std::atomic<bool> has_factory_{false};
  std::atomic<bool> debug_{false};
};

/// Queues `r` at the loop that `where()` gives, whose runtime is that of `loop` in that era. Drops it if that is closed or
/// gone: outside of the visit, since what goes then may be the last to own the loop.
template <class Where>
void post_or_drop(loop_identity* loop, std::uint32_t era, runnable& r, Where where) noexcept {
  {
    const runtime_visit inside(loop, era, runtime_visit::purpose::queue);
    home* const at = inside.admitted() ? where() : nullptr;
    if (at != nullptr) return at->post(r);
  }
  r.drop();
}

/// Prints a report that no loop gets.
void print_without_loop(const report& r) noexcept;
/// Prints what there was no memory to tell: the first such report, then ever fewer, with their number.
void print_short(const char* what) noexcept;

/// Sends what `fill` writes into a report to `loop`, or prints it if that is null. Without memory for that: `what` alone.
template <class Fill>
void make_report(home* loop, const char* what, Fill fill) noexcept {
  try {
    report r;
    fill(r);
    if (loop != nullptr) {
      loop->report_error(std::move(r));
    } else {
      print_without_loop(r);
    }
  } catch (const std::bad_alloc&) {
    print_short(what);
  }
}

/// The two names of one object, for layers that do not know event_loop.
[[nodiscard]] home& home_of(event_loop& loop) noexcept;

}  // namespace gyre::detail
