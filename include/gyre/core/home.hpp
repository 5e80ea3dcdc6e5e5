// SPDX-License-Identifier: BSL-1.0
#pragma once
// The one seam between tasks and loops: "enqueue this at home". An event_loop is a home.  Layer: core.
#include <gyre/base/unique_function.hpp>
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

/// What is known about an error that nobody took: the loop's exception handler gets it.
struct report {
  std::string message;
  std::exception_ptr exception;
  future_core* future = nullptr;   // the task or future concerned, if it still lives
  call_core* callback = nullptr;   // the callback of call_soon or call_later concerned
  context_slot* context = nullptr;  // that the exception handler is to run in
  std::string details;             // place of creation, await chain
};

/// Stands for a loop that may be gone: a small object that is never freed but used again, under a new era.
///
///   owner_, era_   written by take() and retire(); a reader who kept an era compares it before it uses the owner.
///   family_        of the owner: what home::family() gives.
///   open_          from take() until the loop closes.
///   ended_         from the end of close(): its tasks are destroyed, nobody waits there any more.
///   visitors_      threads from outside the runtime that queue or look at something: who closes or destroys waits.
///
///   visitor (enter, enter_to_look)             closing thread (shut), destroying thread (retire)
///   V1 visitors_ += 1, seq_cst                 C1 open_ = false; or era_ += 1, seq_cst
///   V2 open_, seq_cst; then era_, seq_cst      C2 waits until visitors_, seq_cst, is 0
///
/// Proof:  either C2 comes after V1 in the single order and waits for this visitor, or V2 comes after C1 and refuses. An
///         identity in its next era is open again, but then V2 acquires what take() released, the new era included. A look
///         asks for the era alone: the loop may be closed, but is not destroyed.
class loop_identity {
 public:
  [[nodiscard]] std::uint32_t era() const noexcept { return era_.load(std::memory_order_acquire); }
  /// The loop of that era, null if it is gone.
  [[nodiscard]] home* loop_of(std::uint32_t era) const noexcept {
    home* owner = owner_.load(std::memory_order_acquire);
    return era_.load(std::memory_order_acquire) == era ? owner : nullptr;
  }

  [[nodiscard]] static loop_identity& take(home& owner);
  /// The era ends: nobody finds the owner any more, and those who look at it have gone.
  void retire() noexcept;
  void give_back() noexcept;
  void note_family(const void* family) noexcept { family_.store(family, std::memory_order_release); }
  /// Whether the thread that runs `here`, or none, belongs to the runtime of the loop of that era.
  [[nodiscard]] bool is_inside(const home* here, std::uint32_t era) const noexcept;

  [[nodiscard]] bool open() const noexcept { return open_.load(std::memory_order_seq_cst); }
  /// Begins a visit, which leave() must end. False if the loop of that era is closed or gone.
  [[nodiscard]] bool enter(std::uint32_t era) noexcept {
    return enter_to_look(era) && open();  // V2
  }
  /// The same for a loop that may be closed, but not gone.
  [[nodiscard]] bool enter_to_look(std::uint32_t era) noexcept {
    visitors_.fetch_add(1, std::memory_order_seq_cst);   // V1
    return era_.load(std::memory_order_seq_cst) == era;  // V2
  }
  void leave() noexcept { visitors_.fetch_sub(1, std::memory_order_release); }
  /// Refuses visits from now on, and waits for the end of those under way.
  void shut() noexcept;
  void note_end() noexcept { ended_.store(true, std::memory_order_release); }
  /// Whether the loop of that era has closed to the end, or is gone.
  [[nodiscard]] bool has_ended(std::uint32_t era) const noexcept {
    return ended_.load(std::memory_order_acquire) || this->era() != era;
  }

 private:
  std::atomic<home*> owner_{nullptr};
  std::atomic<const void*> family_{nullptr};
  std::atomic<std::uint32_t> era_{0};
  std::atomic<std::uint32_t> visitors_{0};
  std::atomic<bool> open_{false};
  std::atomic<bool> ended_{false};
  loop_identity* next_free_ = nullptr;
};

/// While it lives and was admitted, a loop does not close: a thread from outside may queue there, and touch what waits there.
class loop_visit {
 public:
  loop_visit(loop_identity& loop, std::uint32_t era) noexcept : loop_(loop), admitted_(loop.enter(era)) {}
  loop_visit(const loop_visit&) = delete;
  loop_visit& operator=(const loop_visit&) = delete;
  ~loop_visit() { loop_.leave(); }

  [[nodiscard]] bool admitted() const noexcept { return admitted_; }

 private:
  loop_identity& loop_;
  bool admitted_;
};

/// The same for code that does not know on whose thread it runs: threads of the runtime itself need no visit, since they
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
  /// Queues a task that has just become ready. Ownership of its next step passes with the call.
  virtual void enqueue(task_core& t) noexcept = 0;

  /// Queues a callback: it runs on this loop's thread, in order with its other callbacks and pinned tasks. On a closed
  /// loop it is dropped at once.
  virtual void post(runnable& r) noexcept = 0;

  /// What objects keep that may outlive the loop.
  [[nodiscard]] loop_identity& identity() const noexcept { return identity_; }

  /// True once the loop is closed and takes no entries any more.
  [[nodiscard]] bool closed() const noexcept { return !identity_.open(); }

  virtual void add_task(task_record& t) noexcept = 0;     // makes it visible to all_tasks()
  virtual void remove_task(task_record& t) noexcept = 0;  // called on the home that it was added to

  /// Lists a generator that was begun on this loop, until it has ended.
  virtual void add_generator(generator_state& g) noexcept = 0;
  virtual bool remove_generator(generator_state& g) noexcept = 0;  // false if it was not listed any more

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

  void note_factory(bool there_is_one) noexcept { has_factory_.store(there_is_one, std::memory_order_relaxed); }

 private:
  loop_identity& identity_;
  std::atomic<bool> has_factory_{false};
  std::atomic<bool> debug_{false};
};

/// Prints a report that no loop gets.
void print_without_loop(const report& r) noexcept;
/// Prints what there was no memory to tell.
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
