// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/awaited_by.hpp>
#include <gyre/core/future_core.hpp>
#include <gyre/core/task_record.hpp>

#include <core/task_protocol.hpp>
#include <cstdio>

namespace gyre::detail {
namespace {

// A task that awaits a future goes on in a later turn, never inside the completion.
void wake_waiter(completion_node& node, future_core&) noexcept { static_cast<waiter_node&>(node).task->wake(); }

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

waiter_node::waiter_node() noexcept : completion_node(&wake_waiter, &never_queued, waiter_kind) {}

bool waiter_node::waits_for(const completion_node& node, const task_core& t) noexcept {
  return node.is(&wake_waiter) && static_cast<const waiter_node&>(node).task == &t;
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

void future_core::complete_unless_closed() noexcept {
  if (loop_ == nullptr) {
    complete();
    return;
  }
  const loop_visit inside(*loop_, era_);
  if (inside.admitted()) complete();
}

void future_core::end_from_anywhere(bool (future_core::*end)() noexcept) noexcept {
  const home* here = this_thread().loop;
  if (loop_ == nullptr || (here != nullptr && &here->identity() == loop_)) {
    (this->*end)();
    return;
  }
  {
    const loop_visit inside(*loop_, era_);
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
  slot_->error = std::make_exception_ptr(cancelled_error(std::string(message)));
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
  slot_->error = std::make_exception_ptr(cancelled_error(std::string(message)));
  complete_from_anywhere();
  return true;
}

void future_core::check_result() {
  switch (outcome()) {
    case status::finished:
      return;
    case status::pending:
      throw invalid_state_error("Result is not set.");
    case status::cancelled:
      // A new object for each taker: several loops may throw it at once.
      throw cancelled_error(caught_as<cancelled_error>(slot_->error)->what());
    case status::failed:
      mark_retrieved();
      std::rethrow_exception(slot_->error);
  }
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
    references_.store(1, std::memory_order_relaxed);
    report_unretrieved();
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  }
  if (now == status::pending) forget_waiters();  // a future that is done has none
  delete this;
}

void future_core::report_unretrieved() noexcept {
  mark_retrieved();
  report r;
  r.future = this;
  r.context = own_context();
  r.message = std::string(kind()) + " exception was never retrieved";
  r.exception = slot_->error;
  append_text(r.details);
  append_origin(r.details);
  if (home* loop = where(); loop != nullptr) {
    loop->report_error(std::move(r));
  } else {
    std::fprintf(stderr, "%s\n  %s\n", r.message.c_str(), r.details.c_str());  // its loop is gone, and the handler with it
  }
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

bool suspend_on(future_core& awaited, waiter_node& node, std::coroutine_handle<> at) {
  task_core& t = *promise_base::of(at).task;
  if (awaited.producer() == &t) throw_self_await(t);
  if (const home* loop = awaited.where(); loop != nullptr && loop->family() != t.at().family()) {
    throw foreign_runtime("co_await: the future belongs to a loop of another runtime");
  } else if (loop == nullptr && awaited.belongs_to_loop()) [[unlikely]] {
    throw loop_closed("co_await: the future belongs to a loop that is gone");
  }
  t.resume_point = at;
  node.task = &t;
  await_completion(t, awaited, [&](task_state::wait_kind kind) {
    return awaited.park_at(node, [&] {
      t.waits_for = &awaited;
      return t.state.park(kind);
    });
  });
  return true;
}

void throw_if_cancelled(task_core& t) {
  if (t.state.take_cancel()) [[unlikely]] t.throw_cancelled();
}

void throw_if_cancelled(task_core& t, const future_core& awaited) {
  if (!t.state.take_cancel()) [[likely]] return;
  // A task that was taken out of a circle of awaits goes on before what it awaited is done.
  if (!awaited.done() || caught_as<cancelled_error>(awaited.slot().error) == nullptr) t.throw_cancelled();
}

}  // namespace gyre::detail
