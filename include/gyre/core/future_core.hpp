// SPDX-License-Identifier: BSL-1.0
#pragma once
// The shared state behind future, task, gather and shield: one result, set once, and those who wait for it.
// Layer: core.  Bodies: lib/core/future_core.cpp
#include <gyre/base/ref_count.hpp>
#include <gyre/base/rethrow.hpp>
#include <gyre/core/completion.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/home.hpp>
#include <gyre/core/promise.hpp>
#include <gyre/core/task_bits.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace gyre::detail {

class awaiter_list;
class completion_node;
class future_core;
class task_core;
class waiter_node;

/// What a kind of completion_node shows of itself.
struct node_kind {
  const char* name;  ///< in the texts of futures; null: not there

  /// Notes who waits by this node. Called under the future's lock while the node is in its list. False: look again later,
  /// what it needs is in use. Null where nobody waits.
  bool (*awaiters)(completion_node&, awaiter_list& out) noexcept = nullptr;
};

/// Something that is to happen when a future is done: an entry of its list, later maybe of a loop's ring.
class completion_node : public runnable {
 public:
  using delivery = void (*)(completion_node&, future_core&) noexcept;

  /// `on_done` is called once by the thread that completes the future, without any lock held; it may queue the node, whose
  /// turn is then `entry`.
  completion_node(delivery on_done, function entry, const node_kind& about) noexcept
      : runnable(entry), deliver_(on_done), about_(&about) {}

  void deliver(future_core& done) noexcept { deliver_(*this, done); }
  /// Whether it is of the kind that is delivered so.
  [[nodiscard]] bool is(delivery kind) const noexcept { return deliver_ == kind; }
  [[nodiscard]] const node_kind& about() const noexcept { return *about_; }

 protected:
  ~completion_node() = default;

 private:
  delivery deliver_;
  const node_kind* about_;
};

/// Reference counted; the last handle destroys it. An error that nobody took is then reported.
///
/// How it ends, and who is told, is the part that basic_completion does.
class future_core : public pooled, public basic_completion<completion_node> {
 public:
  future_core(home* owner, result_base& result_room, std::uint32_t references = 1) noexcept
      : references_(references), slot_(&result_room) {
    settle_at(owner);
  }
  future_core(const future_core&) = delete;
  future_core& operator=(const future_core&) = delete;

  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.drop()) last_reference_gone();
  }

  /// The loop on which this future's callbacks run. Null if it has none, or if that loop is gone.
  [[nodiscard]] virtual home* where() const noexcept { return loop_ == nullptr ? nullptr : loop_->loop_of(era_); }

  /// Keeps its runtime open while the calling thread, if it is one from outside, does something that may queue there.
  [[nodiscard]] runtime_visit visit() const noexcept {
    return runtime_visit(loop_, era_, runtime_visit::purpose::queue);
  }
  /// The same with a loop that may be closed: what where() gives stays until the end of the visit, or is null.
  [[nodiscard]] runtime_visit look() const noexcept { return runtime_visit(loop_, era_, runtime_visit::purpose::look); }

  /// Whether it was made for this loop, which is there.
  [[nodiscard]] bool is_of(const home& h) const noexcept { return loop_ == &h.identity() && era_ == loop_->era(); }
  /// Whether its loop is there, and of the runtime of `h`: then it ends while nothing of `h` closes.
  [[nodiscard]] bool is_near(const home& h) const noexcept { return loop_ != nullptr && loop_->is_inside(&h, era_); }
  /// Queues `r` where its callbacks run; drops it if that loop is closed or gone, or if there is none.   Thread: any.
  void post(runnable& r) const noexcept;
  /// True if it has a loop, or had one that is gone.
  [[nodiscard]] bool belongs_to_loop() const noexcept { return loop_ != nullptr; }
  [[nodiscard]] bool is_of_gone_loop() const noexcept { return loop_ != nullptr && loop_->era() != era_; }

  /// The task that produces the result, null if none does.
  [[nodiscard]] virtual const task_core* producer() const noexcept { return nullptr; }

  /// Whether it only hands on what other futures end with: any_needed() knows which.
  [[nodiscard]] bool hands_on() const noexcept { return hands_on_; }
  /// It has ended as a task that missed requests for a cancel: those who handed these on to it have them again.
  [[nodiscard]] given_back gives_back() const noexcept { return gives_back_; }
  /// Calls `look` for the futures without which this one cannot end, until that gives true; gives that. For an await_circle.
  [[nodiscard]] virtual bool any_needed(bool (*needed)(const future_core&, const void*) noexcept,
                                        const void* with) const noexcept;

  /// Ends it as cancelled, or passes the request on to what produces it. True if that accepted.
  virtual bool cancel(std::string_view message);

  /// Nobody will complete this future in the life of its loop: lets go of what waits for it.
  void forget_waiters() noexcept;

  /// The text that to_string() shows.
  virtual void append_text(std::string& out) const;

  /// Completes with what the slot holds: a value, or an error (a cancelled_error makes it cancelled). False if it was
  /// done already.
  bool complete() noexcept;
  /// The same with an error that is to count as one, also if it is a cancelled_error.
  bool fail() noexcept { return settle(status::failed); }

  /// The same from a thread that may outlive the future's loop: once that is closed, what waits here is about to be
  /// destroyed, and nothing happens.
  void complete_unless_closed() noexcept;
  /// For users, on any thread: as complete() and fail(), but nothing happens while the loop closes.
  void complete_from_anywhere() noexcept { end_from_anywhere(&future_core::complete); }
  void fail_from_anywhere() noexcept { end_from_anywhere(&future_core::fail); }
  /// cancel() from such a thread.
  bool cancel_unless_closed(std::string_view message);

  /// Throws what the future ended with, if that is no value; invalid_state_error while pending. Marks it as retrieved.
  void check_result() {
    if (outcome() != status::finished) [[unlikely]]
      rethrow(failed_result());
  }
  /// The error it ended with, null for a value. Throws cancelled_error if cancelled, invalid_state_error while pending.
  [[nodiscard]] std::exception_ptr exception();

  /// Notes who waits for it, as far as its nodes tell. False: look again, something was in use or `out` is too small.
  [[nodiscard]] bool note_awaiters(awaiter_list& out) noexcept;

  [[nodiscard]] result_base& slot() noexcept { return *slot_; }
  [[nodiscard]] const result_base& slot() const noexcept { return *slot_; }
  void mark_retrieved() noexcept { retrieved_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool sole_reference() const noexcept { return references_.is_sole(); }

  /// Appends the value's text: known where the type is known.
  virtual void append_result(std::string& out) const = 0;

 protected:
  virtual ~future_core() = default;

  [[nodiscard]] virtual const char* kind() const noexcept { return "Future"; }
  [[nodiscard]] virtual const char* pending_state() const noexcept { return "pending"; }
  virtual void append_details(std::string&) const {}
  /// The context in which reports about it are made, null if it has none.
  [[nodiscard]] virtual context_slot* own_context() noexcept { return nullptr; }
  /// At the end of the text, ` created at FILE:LINE` where that is known.
  virtual void append_creation(std::string&) const {}
  /// Lines for reports: where it was created, which way its error took.
  virtual void append_origin(std::string&) const {}
  virtual void last_reference_gone() noexcept;
  void mark_as_handing_on() noexcept { hands_on_ = true; }
  void note_missed_requests(given_back missed) noexcept { gives_back_ = missed; }
  void settle_at(home* owner) noexcept {
    loop_ = owner == nullptr ? nullptr : &owner->identity();
    era_ = owner == nullptr ? 0 : loop_->era();
  }
  void append_callbacks(std::string& out) const;
  void append_outcome(std::string& out) const;
  void report_unretrieved() noexcept;

  bool settle(status outcome) noexcept;
  [[nodiscard]] std::exception_ptr failed_result();
  friend bool suspend_on(future_core&, waiter_node&, std::coroutine_handle<>);
  friend void suspend_with_care(future_core&, waiter_node&, task_core&);

 private:
  void end_from_anywhere(bool (future_core::*end)() noexcept) noexcept;

  ref_count references_;
  std::uint32_t era_ = 0;  // of loop_: identities are used again; both are constant once others see the future
  loop_identity* loop_ = nullptr;
  result_base* slot_;
  std::atomic<bool> retrieved_{false};
  bool hands_on_ = false;  // of its class
  given_back gives_back_;  // written before the end, as the slot
};

/// A task that awaits a future. Lives in the awaiting frame, which cannot end before the future does.
class waiter_node final : public completion_node {
 public:
  waiter_node() noexcept;
  ~waiter_node() = default;

  [[nodiscard]] static bool waits_for(const completion_node& node, const task_core& t) noexcept;

  task_core* task = nullptr;  // set when it begins to suspend
};

/// Which error tells that a future is of another runtime: asyncio has a RuntimeError in some places, a ValueError in others.
enum class foreign_error : std::uint8_t { foreign_runtime, value_error };
/// Throws:  that error; loop_closed if the future's loop is gone; error if it has none. `call` and the running task are named.
[[noreturn]] void throw_foreign(const future_core& f, const char* call,
                                foreign_error as = foreign_error::foreign_runtime);
/// The one rule of all that wait for futures on `here`: whoever ends one keeps its own runtime from closing, no other. What is
/// done may be used everywhere.
inline void refuse_foreign(const future_core& f, const home& here, const char* call,
                           foreign_error as = foreign_error::foreign_runtime) {
  if (!f.is_of(here) && !f.is_near(here) && !f.done()) [[unlikely]]
    throw_foreign(f, call, as);
}
/// ` (in task 'NAME')`, or nothing outside of tasks.
[[nodiscard]] std::string in_running_task();

/// Parks the running task until `awaited` is done. False: it is done already, go on.
///
/// Throws:  would_deadlock (awaiting oneself, or round a circle of tasks), what refuse_foreign() throws.
[[nodiscard]] bool suspend_on(future_core& awaited, waiter_node& node, std::coroutine_handle<> at);

/// future.cancel(), for user code. Where that runs inside another cancel, on its way through what a task waits for, this is a
/// request of its own: it is counted, and true says so. Code of the library that hands a request on calls cancel().
bool cancel_by_user(future_core& future, std::string_view text);

/// Throws cancelled_error if a cancel is pending for the task that just resumed.
void throw_if_cancelled(task_core& t);
/// The same after an await of `awaited`: if that was cancelled, its own error and message come out.
void throw_if_cancelled(task_core& t, const future_core& awaited);
/// What that throws, or null.
[[nodiscard]] std::exception_ptr cancel_error_after(task_core& t, const future_core& awaited) noexcept;

/// A counted pointer to a future_core or a class derived from it.
template <class Core>
class core_ref {
 public:
  core_ref() noexcept = default;
  /// Takes over one reference.
  explicit core_ref(Core* adopted) noexcept : core_(adopted) {}
  core_ref(const core_ref& other) noexcept : core_(other.core_) {
    if (core_ != nullptr) core_->retain();
  }
  core_ref(core_ref&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  core_ref& operator=(core_ref other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~core_ref() {
    if (core_ != nullptr) core_->release();
  }

  /// A further reference to a core that somebody else keeps alive.
  [[nodiscard]] static core_ref share(Core& core) noexcept {
    core.retain();
    return core_ref(&core);
  }

  [[nodiscard]] Core* get() const noexcept { return core_; }
  [[nodiscard]] Core* release() noexcept { return std::exchange(core_, nullptr); }
  Core& operator*() const noexcept { return *core_; }
  Core* operator->() const noexcept { return core_; }
  explicit operator bool() const noexcept { return core_ != nullptr; }

 private:
  Core* core_ = nullptr;
};

}  // namespace gyre::detail
