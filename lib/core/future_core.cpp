// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/relax.hpp>
#include <gyre/base/text.hpp>
#include <gyre/core/await_circle.hpp>
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/future_core.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/core/trace.hpp>

#include <core/task_protocol.hpp>

namespace gyre::detail {
namespace {

// A task that awaits a future goes on in a later turn, never inside the completion.
void wake_waiter(completion_node& node, future_core& done) noexcept {
  static_cast<waiter_node&>(node).task->wake(done.gives_back());
}

void never_queued(runnable&, runnable::fate) noexcept {}

// The task stays parked, and its frame with this node in it, while the node is in the list.
bool note_waiter(completion_node& node, awaiter_list& out) noexcept {
  return out.add(*static_cast<waiter_node&>(node).task);
}

constexpr node_kind waiter_kind{"task_wakeup()", &note_waiter};

[[noreturn]] void throw_self_await(task_core& t) {
  const core_ref<task_record> record(t.type->record(t));
  throw would_deadlock("task '" + record->name() + "' cannot await itself");
}

}  // namespace

std::string in_running_task() {
  task_core* const t = this_thread().current;
  if (t == nullptr) return {};
  return " (in task '" + core_ref<task_record>(t->type->record(*t))->name() + "')";
}

GYRE_NOINLINE void throw_foreign(const future_core& f, const char* call, foreign_error as) {
  const std::string who = in_running_task();
  const auto text = [&](const char* why) { return std::string(call) + ": the future belongs to " + why + who; };
  if (!f.belongs_to_loop()) throw error(text("no loop"));
  if (f.is_of_gone_loop()) throw loop_closed(text("a loop that is gone"));
  constexpr const char* foreign = "a loop of another runtime";
  if (as == foreign_error::value_error) throw value_error(text(foreign));
  throw foreign_runtime(text(foreign));
}

waiter_node::waiter_node() noexcept : completion_node(&wake_waiter, &never_queued, waiter_kind) {}

bool waiter_node::waits_for(const completion_node& node, const task_core& t) noexcept {
  return node.is(&wake_waiter) && static_cast<const waiter_node&>(node).task == &t;
}

bool future_core::any_needed(bool (*)(const future_core&, const void*) noexcept, const void*) const noexcept {
  return false;
}

bool future_core::complete() noexcept {
  status outcome = status::finished;
  if (slot_->error != nullptr) {
    outcome = caught_as<cancelled_error>(slot_->error) != nullptr ? status::cancelled : status::failed;
  }
  return settle(outcome);
}

bool future_core::settle(status outcome) noexcept {
  return settle_with(outcome, [this](completion_node& node) { node.deliver(*this); });
}

void future_core::post(runnable& r) const noexcept {
  post_or_drop(loop_, era_, r, [this] { return where(); });
}

void future_core::complete_unless_closed() noexcept {
  const runtime_visit inside = visit();
  if (inside.admitted()) complete();
}

void future_core::end_from_anywhere(bool (future_core::*end)() noexcept) noexcept {
  {
    const runtime_visit inside = visit();
    if (inside.admitted()) {
      (this->*end)();
      return;
    }
  }
  // Not inside a refused visit: what runs now may be the last to own the loop.
  if (loop_->has_ended(era_)) (this->*end)();
}

bool future_core::cancel_unless_closed(std::string_view message) {
  mark_retrieved();
  if (!reserve()) return false;
  slot_->error = cancelled_with(message);
  complete_unless_closed();
  return true;
}

void future_core::forget_waiters() noexcept {
  forsake([](completion_node& node) { node.drop(); });
}

bool future_core::note_awaiters(awaiter_list& out) noexcept {
  bool all = true;
  for_each_node([&](completion_node& node) {
    if (all && node.about().awaiters != nullptr) all = node.about().awaiters(node, out);
  });
  return all;
}

bool future_core::cancel(std::string_view message) {
  mark_retrieved();
  if (!reserve()) return false;
  slot_->error = cancelled_with(message);
  complete_from_anywhere();
  return true;
}

// Returned, not thrown: check_result() throws it in the frame of its caller.
std::exception_ptr future_core::failed_result() {
  switch (outcome()) {
    case status::cancelled:
      // A new object for each taker: several loops may throw it at once.
      return cancelled_with(caught_as<cancelled_error>(slot_->error)->what());
    case status::failed:
      mark_retrieved();
      return slot_->error;
    case status::pending:
    case status::finished:
      break;
  }
  throw invalid_state_error("Result is not set.");
}

std::exception_ptr future_core::exception() {
  const status now = outcome();
  if (now == status::pending) throw invalid_state_error("Exception is not set.");
  if (now != status::failed) {
    check_result();
    return nullptr;
  }
  mark_retrieved();
  return slot_->error;
}

// The report shows the future to the exception handler, which may keep it: then it lives on.
void future_core::last_reference_gone() noexcept {
  const status now = outcome();
  if (now == status::failed && !retrieved_.load(std::memory_order_relaxed)) {
    references_.revive();
    report_unretrieved();
    if (!references_.drop()) return;
  }
  if (now == status::pending) forget_waiters();  // a future that is done has none
  delete this;
}

void future_core::report_unretrieved() noexcept {
  mark_retrieved();
  const runtime_visit inside = look();
  make_report(where(), "an exception was never retrieved", [this](report& r) {
    r.future = this;
    r.context = own_context();
    r.message = std::string(kind()) + " exception was never retrieved";
    r.exception = slot_->error;
    append_text(r.details);
    append_origin(r.details);
  });
}

void future_core::append_outcome(std::string& out) const {
  switch (outcome()) {
    case status::finished:
      if (!slot_->has_value) return;  // moved out
      out += " result=";
      append_result(out);
      return;
    case status::failed:
      out += " exception=";
      append_exception(out, slot_->error);
      return;
    case status::pending:
    case status::cancelled:
      return;
  }
}

void future_core::append_callbacks(std::string& out) const {
  constexpr std::size_t shown = 2;
  std::size_t count = 0;
  const char* first = nullptr;
  const char* last = nullptr;
  for_each_node([&](const completion_node& node) {
    if (node.about().name == nullptr) return;
    if (count++ == 0) first = node.about().name;
    last = node.about().name;
  });
  if (count == 0 || done()) return;
  out += " cb=[";
  out += first;
  if (count > shown) {
    out += ", <";
    append_unsigned(out, count - shown);
    out += " more>";
  }
  if (count > 1) {
    out += ", ";
    out += last;
  }
  out += ']';
}

void future_core::append_text(std::string& out) const {
  out += '<';
  out += kind();
  switch (outcome()) {
    case status::pending:
      out += ' ';
      out += pending_state();
      break;
    case status::cancelled:
      out += " cancelled";
      break;
    case status::finished:
    case status::failed:
      out += " finished";
      break;
  }
  append_details(out);
  append_callbacks(out);
  append_outcome(out);
  append_creation(out);
  out += '>';
}

namespace {

// The task has just parked, and the awaited future's lock keeps wakers from it. An observer is through in some instructions;
// a canceller may wait for that lock: then the task stays parked, and ends by the cancel.
bool take_back_park(task_core& t) noexcept {
  constexpr int patience = 100;
  for (int i = 0; i < patience; ++i) {
    if (t.state.unpark()) return true;
  }
  return false;
}

}  // namespace

// Goes on for suspend_on() where the awaited one waits itself, or hands on what others end with.
GYRE_NOINLINE void suspend_with_care(future_core& awaited, waiter_node& node, task_core& t) {
  constexpr int patience = 1000;  // looks that met somebody's lock
  using verdict = await_circle::verdict;
  await_circle circle(t);
  int busy = 0;
  await_completion(t, awaited, [&](task_state::wait_kind kind) {
    auto found = verdict::none;
    const auto tried = awaited.park_at(node, [&] {
      t.waits_for = &awaited;
      if (!t.state.park(kind)) return false;
      if (kind == task_state::wait_kind::forwarding && busy < patience) found = circle.look(awaited);
      return found == verdict::none || !take_back_park(t);
    });
    if (tried == future_core::parking::parked) return tried;
    if (found == verdict::closed) {
      if (awaited.hands_on()) awaited.mark_retrieved();  // who awaits it gets this error in its place
      circle.raise();
    }
    if (found == verdict::busy) ++busy;
    return tried;
  });
}

bool suspend_on(future_core& awaited, waiter_node& node, std::coroutine_handle<> at) {
  task_core& t = *promise_base::of(at).task;
  const task_core* const producer = awaited.producer();
  if (producer == &t) throw_self_await(t);
  refuse_foreign(awaited, t.at(), "co_await");
  t.resume_point = at;
  node.task = &t;
  interruption_point();
  await_completion(t, awaited, [&](task_state::wait_kind kind) {
    bool may_close_circle = false;
    const auto tried = awaited.park_at(node, [&] {
      t.waits_for = &awaited;
      if (!t.state.park(kind)) return false;
      may_close_circle = (producer != nullptr ? producer->state.forwards_cancel() : awaited.hands_on()) &&
                         kind == task_state::wait_kind::forwarding;
      return !may_close_circle || !take_back_park(t);
    });
    if (tried == future_core::parking::parked || !may_close_circle) [[likely]]
      return tried;
    suspend_with_care(awaited, node, t);
    return future_core::parking::parked;
  });
  return true;
}

void throw_if_cancelled(task_core& t) {
  if (t.state.take_cancel()) [[unlikely]]
    t.throw_cancelled();
}

void throw_if_cancelled(task_core& t, const future_core& awaited) {
  if (std::exception_ptr error = cancel_error_after(t, awaited); error != nullptr)
    std::rethrow_exception(std::move(error));
}

std::exception_ptr cancel_error_after(task_core& t, const future_core& awaited) noexcept {
  if (!t.state.take_cancel()) return nullptr;
  // A task that was taken out of a circle of awaits goes on before what it awaited is done.
  const bool own = awaited.done() && caught_as<cancelled_error>(awaited.slot().error) != nullptr;
  return own ? nullptr : t.cancelled_end();
}

}  // namespace gyre::detail
