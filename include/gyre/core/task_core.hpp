// SPDX-License-Identifier: BSL-1.0
#pragma once
// What makes a coroutine a task: identity, state, home. Part of a task's record, or of a gather's block for a child that
// runs as a fork-join.  Layer: core.  Bodies: lib/core/task_core.cpp
#include <gyre/core/context_slot.hpp>
#include <gyre/core/home.hpp>
#include <gyre/core/join.hpp>
#include <gyre/core/promise.hpp>
#include <gyre/core/task_state.hpp>

#include <atomic>
#include <string>
#include <string_view>

namespace gyre::detail {

class future_core;
class stack_capture;
class task_record;

/// The two kinds of tasks differ in these.
struct task_type {
  /// The body ended; its slot holds the outcome. Destroys the frame and tells who waits. Returns what runs next.
  std::coroutine_handle<> (*finish)(task_core&, std::coroutine_handle<> frame) noexcept;
  /// The same where the frame goes by itself afterwards. What runs next is left in thread_state::next.
  void (*finish_in_place)(task_core&, result_base& outcome) noexcept;
  /// The record that handles point to, with a reference for the caller. Made now if the task had none.
  task_record* (*record)(task_core&);
  /// Keeps the task's memory while somebody outside its own code looks at it.
  void (*hold)(task_core&) noexcept;
  void (*drop)(task_core&) noexcept;
  /// Copies the chains of the tasks whose fork-joins wait for this one, which is still (see frame_stack.hpp).
  void (*climb)(task_core&, stack_capture& out) noexcept;
  /// False if nobody waits for it as for a future. True if somebody does, or that cannot be told now.
  bool (*may_be_awaited)(task_core&) noexcept;
};

/// A condition that a parked task looks at again before it goes on: a woken getter may find its queue empty and wait once
/// more. Lives in the awaiting frame.
class resume_check {
 public:
  /// On the thread that is about to resume `t`, which counts as running. False: it has parked again; hands off.
  virtual bool may_resume(task_core& t) noexcept = 0;

  /// What a task that is parked by it has lost, at a moment when no thread is at work; null if it waits rightly.
  [[nodiscard]] virtual const char* lost() const noexcept = 0;

 protected:
  ~resume_check() = default;
};

/// What a parked task waits for, where that is no future; it tells what `waits_at` points to.
enum class wait_reason : std::uint8_t {
  unknown,
  lock,             // gyre::lock
  semaphore,        // gyre::semaphore
  event,            // gyre::event
  condition,        // gyre::condition
  barrier,          // gyre::barrier
  queue_item,       // queue_base
  queue_room,       // likewise
  queue_end,        // likewise: join()
  timer,            // timer_node
  io,               // nothing
  all_of,           // wait_core; the futures know who waits: see awaited_by.hpp
  some_of,          // likewise: one of them may be enough
  some_of_in_time,  // likewise, with a timeout
  group             // task_group
};

/// Thread:  the members are the running thread's, or guarded as said.
class task_core : public runnable {
 public:
  task_core(const task_type& kind, std::coroutine_handle<> root, task_bits::word initial) noexcept
      : runnable(&run_entry), state(initial), type(&kind), resume_point(root) {}

  /// The task behind an entry, null if it is something else.
  [[nodiscard]] static task_core* of(runnable& r) noexcept {
    return r.is(&run_entry) ? static_cast<task_core*>(&r) : nullptr;
  }

  [[nodiscard]] home& at() const noexcept { return *home_.load(std::memory_order_relaxed); }
  void move_to(home& h) noexcept { home_.store(&h, std::memory_order_relaxed); }

  /// What it is about to park for.   Thread: the running one.
  void note_wait(wait_reason by, const void* at) noexcept {
    waits_by = by;
    waits_at = at;
  }

  /// The innermost coroutine. For the task's own thread, and for whoever keeps it parked.
  [[nodiscard]] promise_base& innermost() const noexcept { return promise_base::of(resume_point); }

  /// Asks for cancellation. False if the task is done. `who`: one of task_bits::requests.   Thread: any, while the caller
  /// holds the task.
  bool cancel(std::string_view text, task_bits::word who = task_bits::cancel_requested);

  /// Parks, or, if a cancel is pending, makes the task ready with it. Call under the lock that wakers take; when the lock
  /// is free again, hand the result to leave().
  [[nodiscard]] bool park_or_yield() noexcept { return state.park_leaf(); }
  /// Last touch of a suspension: queues the task again if it did not park.
  void leave(bool parked) noexcept {
    if (!parked) at().enqueue(*this);
  }

  /// Makes a parked task ready and queues it. False if something else has ended its wait. `back`: see claim().
  /// Thread:  any.
  bool wake(given_back back = {}) noexcept {
    if (!state.claim(back)) return false;
    at().enqueue(*this);
    return true;
  }

  /// Throws the pending cancel, with the message given to cancel().
  [[noreturn]] void throw_cancelled();
  /// The same as an error, null if it has been withdrawn. A throw costs by the frames that it leaves, half a microsecond
  /// each: awaiters throw this one inside the coroutine.
  [[nodiscard]] std::exception_ptr take_cancel_error() noexcept {
    return state.take_cancel() ? cancelled_end() : nullptr;
  }

  [[no_unique_address]] task_state state;       // its last bytes hold what follows
  wait_reason waits_by = wait_reason::unknown;  // while the word says `waiting` and not `forward`; guarded as waits_for
  std::uint8_t limits = 0;                      // time limits that the task is inside of; likewise. 255: or more
  scope_marks scopes;                           // of the scopes that it is inside of; the running thread's
  std::atomic<std::uint16_t> holder_mark{0};    // tells it from other tasks at this address; 0: it never held a lock
  const task_type* type;
  std::coroutine_handle<> resume_point;  // the innermost coroutine: it runs, or the next step goes on there
  join_head::place join{nullptr};        // the fork-join that this task waits for
  resume_check* check = nullptr;         // looked at before the next step; the running thread's
  context_slot context;                  // its context variables
  union {
    future_core* waits_for = nullptr;  // while the word says `forward`; guarded by its `locked` bit
    const void* waits_at;              // else, while it says `waiting`; likewise
  };

  /// asyncio: a pending cancel goes to the very next future awaited. One that refuses it leaves it to the task. Gives the
  /// kind of wait that follows; `leaf`: the request came back round a circle of awaits, there must be no wait.
  [[nodiscard]] task_state::wait_kind pass_cancel_on(future_core& awaited);

  /// The body has ended with `outcome`, and its frame is gone: so does the task. A cancel of its own hides a value. Returns the
  /// word as it was.   Thread: the running one.
  [[nodiscard]] task_bits::word end_with(result_base& outcome) noexcept;

  /// Passes a pending cancel to the children of the fork-join that this task is about to wait for.
  void cancel_children_now();

  /// One whose state was untouched at its end, and that nobody else ever held, becomes another task of the same kind: besides
  /// what is written here, all is as it was at the beginning.
  void restart(std::coroutine_handle<> root) noexcept {
    state.restart();
    limits = 0;
    scopes = scope_marks();
    resume_point = root;
  }

  /// The message given to the latest cancel().   Thread: any.
  [[nodiscard]] std::string message() const;
  /// The error of a task that ends by a cancel, with that message.
  [[nodiscard]] std::exception_ptr cancelled_end() const noexcept;

 protected:
  ~task_core() { delete cancel_message_.load(std::memory_order_relaxed); }

 private:
  friend bool cancel_by_user(future_core& future, std::string_view text);
  class cancel_walk;
  struct cancel_traits;
  void note_message(std::string_view text);
  [[nodiscard]] task_state::attempt request(bool again, task_bits::word who);
  bool cancel_from(task_state::attempt found, std::string_view text, task_bits::word who);
  [[nodiscard]] bool leave_cycle(future_core& awaited, task_bits::word who);
  static void run_entry(runnable& r, fate f) noexcept;

  std::atomic<std::string*> cancel_message_{nullptr};  // null: none; the text is under a lock of task_core.cpp
  std::atomic<home*> home_{nullptr};  // written by the thread that runs the task, before it parks again
};

/// Runs one step of a ready task on this thread, whose loop it calls home from now on.
void run_task(task_core& t, home& here) noexcept;

/// The same inside a step or callback of this thread, which goes on afterwards: the first step of an eager task.
void run_nested(task_core& t, home& here) noexcept;

/// After the last code of a step: no task runs on this thread any more.
void end_step() noexcept;

/// Ends a task whose body never ran, as cancelled.
void finish_unstarted(task_core& t) noexcept;

/// The task whose code runs on this thread; throws no_running_loop, naming `call`, if there is none.
[[nodiscard]] task_core& running_task(const char* call);

}  // namespace gyre::detail
