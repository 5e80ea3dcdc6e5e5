// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/failure_path.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/core/transfer.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace gyre::detail {

// Holds a fork-join block while its children are cancelled.
struct block_unpinner {
  void operator()(join_head* block) const noexcept { block->unpin(); }
};
using pinned_block = std::unique_ptr<join_head, block_unpinner>;

namespace {

// Guards the cancel messages of all tasks: they are rare and short.
spin_lock message_guard;

// `t` was asked to end while it runs or is ready. If it is inside a fork-join, the request goes to its children, and the
// gather ends with what comes of that. True: the request is where it belongs. False: nobody has it; `declined`, which may
// be the fork-join of an earlier try, did not take it.
//
//   canceller                                   parent
//   C1 takes the request off the word           J1 join = null
//   C2 block.cancel_requested = true            J2 light barrier
//   C3 heavy barrier                            J3 block.cancel_requested: true -> clears it, throws
//   C4 join is still this block: cancels the
//      children; one at least accepts: done
//   C5 else clears block.cancel_requested
//
// C1 comes first so that a later request of somebody else cannot be taken for this one. If C4 sees the block, J1 comes
// after C3, and J3 sees C2. Else, and when no child accepts, the one of C5 and J3 that clears the mark has the request.
bool pass_to_children(task_core& t, std::string_view text, pinned_block& declined) {
  heavy_barrier();  // against the gather that stores `join` and then looks for a request
  pinned_block block(join_head::pin(t.join));
  if (block == nullptr || block == declined) return true;
  if (!t.state.withdraw_request()) return true;                        // C1; if it was gone, it was delivered
  block->cancel_requested.store(true, std::memory_order_release);      // C2
  heavy_barrier();                                                     // C3
  bool any = false;
  if (t.join.load(std::memory_order_acquire) == block.get()) {         // C4
    for (std::uint32_t i = 0; i < block->child_count(); ++i) {
      if (block->child(i).cancel(text)) any = true;
    }
  }
  if (any) return true;
  declined = std::move(block);
  return !declined->cancel_requested.exchange(false, std::memory_order_acq_rel);  // C5
}

}  // namespace

void task_core::run_entry(runnable& r, fate f) noexcept {
  auto& t = static_cast<task_core&>(r);
  if (f == fate::runs) run_task(t, *this_thread().loop);
  // Dropped: the closing loop abandons its tasks by their registry, where this one is listed too.
}

void end_step() noexcept {
  thread_state& thread = this_thread();
  thread.current = nullptr;
  if (thread.failure) [[unlikely]] forget_path();
}

void run_task(task_core& t, home& here) noexcept {
  thread_state& thread = this_thread();
  thread.current = &t;
  t.move_to(here);
  trace(trace_event::step, t);
  if (t.state.begin()) [[unlikely]] {
    finish_unstarted(t);
  } else if (t.check == nullptr || t.check->may_resume(t)) {
    resume_chain(t.resume_point);
  }
  end_step();
}

void run_nested(task_core& t, home& here) noexcept {
  thread_state& thread = this_thread();
  task_core* const outer = thread.current;
  context_slot* const entered = std::exchange(thread.context, nullptr);
  run_task(t, here);
  this_thread().current = outer;
  this_thread().context = entered;
}

void finish_unstarted(task_core& t) noexcept {
  static_cast<void>(t.state.take_cancel());
  promise_base& body = t.innermost();
  body.slot->error = t.cancelled_end();
  resume_chain(t.type->finish(t, t.resume_point));
}

std::string task_core::message() const {
  const std::lock_guard hold(message_guard);
  const std::string* text = cancel_message_.load(std::memory_order_relaxed);
  return text == nullptr ? std::string() : *text;
}

std::exception_ptr task_core::cancelled_end() const noexcept {
  try {
    return cancelled_with(message());
  } catch (const std::bad_alloc&) {
    return cancelled_with({});
  }
}

// The last message before a delivery wins; but a wait that a cancel has ended keeps the message that ended it.
void task_core::note_message(std::string_view text) {
  auto fresh = text.empty() ? nullptr : std::make_unique<std::string>(text);
  const std::lock_guard hold(message_guard);
  if (state.wait_ended_by_cancel()) return;
  fresh.reset(cancel_message_.exchange(fresh.release(), std::memory_order_relaxed));
}

void task_core::throw_cancelled() { throw cancelled_error(message()); }

// A request on its way through a chain of tasks that await each other: this thread's tasks that hand it on, the latest
// first. What lies deeper than the stack should goes to a list, and the outermost call works through that.
class task_core::cancel_walk {
 public:
  enum class way : bool { on, down };  // to what the task awaits, or to its children

  explicit cancel_walk(task_core& t, way where = way::on) noexcept
      : task_(&t), outer_(innermost_), depth_(outer_ == nullptr ? 0 : outer_->depth_ + 1), where_(where) {
    innermost_ = this;
  }
  cancel_walk(const cancel_walk&) = delete;
  cancel_walk& operator=(const cancel_walk&) = delete;
  ~cancel_walk() { innermost_ = outer_; }

  // Whether the request came from this very task: tasks await each other in a circle.
  [[nodiscard]] static bool comes_from(const task_core& t) noexcept {
    for (cancel_walk* w = innermost_; w != nullptr; w = w->outer_) {
      if (w->task_ == &t) {
        w->came_back_ = true;
        return true;
      }
      if (w->outer_ == nullptr && w->put_off(t)) return true;
    }
    return false;
  }
  [[nodiscard]] bool came_back() const noexcept { return came_back_; }
  // Whether the children of `t` are getting the request right now. Then whoever hands it to `t` is in a circle, and has to
  // leave it.
  [[nodiscard]] static bool turns_back_at(const task_core& t) noexcept {
    for (const cancel_walk* w = innermost_; w != nullptr; w = w->outer_) {
      if (w->task_ == &t && w->where_ == way::down) return innermost_->turned_back_ = true;
    }
    return false;
  }
  [[nodiscard]] bool turned_back() const noexcept { return turned_back_; }
  [[nodiscard]] static bool deep() noexcept { return innermost_ != nullptr && innermost_->depth_ + 1 >= deepest; }

  // The outermost call goes on with `t` later.
  static void put_off_to_the_end(task_core& t) {
    cancel_walk* outermost = innermost_;
    while (outermost->outer_ != nullptr) outermost = outermost->outer_;
    const std::size_t from = outermost->finishing_ ? outermost->next_ : none;
    outermost->later_.push_back(deferred{core_ref<task_record>(t.type->record(t)), from});
  }

  void finish(std::string_view text) {
    finishing_ = true;
    for (; next_ < later_.size(); ++next_) {
      if (task_core* t = later_[next_].task->core(); t != nullptr) {
        static_cast<void>(t->cancel_from(t->state.repeat_cancel(), text));
      }
    }
    finishing_ = false;
  }

 private:
  static constexpr int deepest = 100;
  static constexpr std::size_t none = SIZE_MAX;

  // A task that was put off, and the one, put off before, from which the request had come there.
  struct deferred {
    core_ref<task_record> task;
    std::size_t from;
  };

  // Whether the request came by `t` on its way to the task that was put off and is looked at now. Another way, which met
  // `t` as well, does not count.
  [[nodiscard]] bool put_off(const task_core& t) const noexcept {
    for (std::size_t i = finishing_ ? later_[next_].from : none; i != none; i = later_[i].from) {
      if (std::as_const(*later_[i].task).core() == &t) return true;
    }
    return false;
  }

  static thread_local cancel_walk* innermost_;

  const task_core* task_;
  cancel_walk* outer_;
  int depth_;
  way where_;
  bool came_back_ = false;
  bool turned_back_ = false;
  std::vector<deferred> later_;
  std::size_t next_ = 0;
  bool finishing_ = false;  // later_[next_] is looked at
};

thread_local task_core::cancel_walk* task_core::cancel_walk::innermost_ = nullptr;

// This task waits for `awaited`, which waits for this task by some way. Its word is locked: it stays where it is. False if
// the wait has just ended.
bool task_core::leave_cycle(future_core& awaited) {
  const auto mine = [this](completion_node& node) { return waiter_node::waits_for(node, *this); };
  if (awaited.remove_if(mine) == nullptr) {
    if (!awaited.done()) {  // its loop closes, and has let go of what waits
      state.unlock_and_note();
      return true;
    }
    state.unlock();
    return false;
  }
  state.unlock_and_claim();
  at().enqueue(*this);
  return true;
}

bool task_core::cancel(std::string_view text) {
  if (!text.empty() || cancel_message_.load(std::memory_order_relaxed) != nullptr) note_message(text);
  if (cancel_walk::turns_back_at(*this)) return false;
  const bool again = cancel_walk::comes_from(*this);  // round a circle: counted already
  return cancel_from(again ? state.repeat_cancel() : state.request_cancel(), text);
}

bool task_core::cancel_from(task_state::cancel_step outcome, std::string_view text) {
  using step = task_state::cancel_step;
  core_ref<future_core> refused;  // what the request went to in vain: it goes on from there
  bool round = false;             // because it came from there
  pinned_block declined;
  for (;; outcome = state.repeat_cancel()) {
    switch (outcome) {
      case step::refused:
        return false;
      case step::claimed:
        trace(trace_event::cancelled, *this);
        at().enqueue(*this);
        return true;
      case step::forwarded: {
        future_core& target = *waits_for;
        if (&target == refused.get() && !round) {
          state.unlock_and_note();
          return true;
        }
        round = round && &target == refused.get();
        auto held = core_ref<future_core>::share(target);
        if (round || cancel_walk::comes_from(*this)) {
          if (leave_cycle(target)) return true;
          break;
        }
        state.unlock();
        if (cancel_walk::deep()) {
          cancel_walk::put_off_to_the_end(*this);
          return true;
        }
        refused = std::move(held);
        cancel_walk walk(*this);
        const bool taken = target.cancel(text);
        walk.finish(text);
        round = walk.turned_back();
        if (taken && !round) return true;
        break;
      }
      case step::noted:
        if ((state.is_pinned() && !state.is_main()) || this == this_thread().current) return true;
        if (pass_down(text, declined)) return true;
        break;
    }
  }
}

// A child may wait for this task, and sends it the request that it has just got from here.
bool task_core::pass_down(std::string_view text, pinned_block& declined) {
  cancel_walk walk(*this, cancel_walk::way::down);
  const bool taken = pass_to_children(*this, text, declined);
  walk.finish(text);
  return taken;
}

task_state::wait_kind task_core::pass_cancel_on(future_core& awaited) {
  cancel_walk walk(*this);
  const std::string text = message();
  const bool taken = awaited.cancel(text);
  walk.finish(text);
  if (walk.came_back()) return task_state::wait_kind::leaf;
  if (!taken) return task_state::wait_kind::forwarding_refused;
  state.withdraw_request();
  return task_state::wait_kind::forwarding;
}

// On the task's own thread, before any child can have ended: they all accept.
void task_core::cancel_children_now() {
  pinned_block none;
  static_cast<void>(pass_to_children(*this, message(), none));
}

task_core& running_task(const char* call) {
  task_core* t = this_thread().current;
  if (t == nullptr) throw_no_loop(call, "no task is running here");
  return *t;
}

}  // namespace gyre::detail
