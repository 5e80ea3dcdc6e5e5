// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/spin_lock.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/core/trace.hpp>
#include <gyre/core/transfer.hpp>

#include <memory>
#include <mutex>

namespace gyre::detail {
namespace {

// Holds a fork-join block while its children are cancelled.
struct unpinner {
  void operator()(join_head* block) const noexcept { block->unpin(); }
};
using pinned_block = std::unique_ptr<join_head, unpinner>;

// Guards the cancel messages of all tasks: they are rare and short.
spin_lock message_guard;

}  // namespace

void task_core::run_entry(runnable& r, fate f) noexcept {
  auto& t = static_cast<task_core&>(r);
  if (f == fate::runs) run_task(t, *this_thread().loop);
  // Dropped: the closing loop abandons its tasks by their registry, where this one is listed too.
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
  this_thread().current = nullptr;
}

void finish_unstarted(task_core& t) noexcept {
  static_cast<void>(t.state.take_cancel());
  promise_base& body = t.innermost();
  body.slot->error = std::make_exception_ptr(cancelled_error(t.message()));
  resume_chain(t.type->finish(t, t.resume_point));
}

std::string task_core::message() const {
  const std::lock_guard hold(message_guard);
  return cancel_message_ == nullptr ? std::string() : *cancel_message_;
}

// The last message before a delivery wins; but a wait that a cancel has ended keeps the message that ended it.
void task_core::note_message(std::string_view text) {
  auto fresh = text.empty() ? nullptr : std::make_unique<std::string>(text);
  const std::lock_guard hold(message_guard);
  if (!state.wait_ended_by_cancel()) fresh.reset(std::exchange(cancel_message_, fresh.release()));
}

void task_core::throw_cancelled() { throw cancelled_error(message()); }

bool task_core::cancel(std::string_view text) {
  using step = task_state::cancel_step;
  if (!text.empty() || cancel_message_ != nullptr) note_message(text);
  const step outcome = state.request_cancel();
  switch (outcome) {
    case step::refused:
      return false;
    case step::claimed:
      trace(trace_event::cancelled, *this);
      at().enqueue(*this);
      return true;
    case step::forwarded: {
      future_core& target = *waits_for;
      target.retain();
      state.unlock();
      const core_ref<future_core> held(&target);
      if (!target.cancel(text)) state.request_after_all();
      return true;
    }
    case step::noted:
      if ((!state.is_pinned() || state.is_main()) && this != this_thread().current) cancel_children(text);
      return true;
  }
  return true;
}

// The task may be inside a fork-join: then its children are cancelled, and the gather ends with what comes of that.
bool task_core::cancel_children(std::string_view text) {
  heavy_barrier();  // against the gather that stores `join` and then looks for a request
  const pinned_block block(join_head::pin(join));
  if (block == nullptr) return false;
  bool any = false;
  for (std::uint32_t i = 0; i < block->child_count(); ++i) {
    if (block->child(i).cancel(text)) any = true;
  }
  if (any) {
    block->cancel_requested.store(true, std::memory_order_release);
    state.withdraw_request();
  }
  return any;
}

task_core& running_task(const char* call) {
  task_core* t = this_thread().current;
  if (t == nullptr) throw no_running_loop(std::string(call) + ": no task is running here");
  return *t;
}

}  // namespace gyre::detail
