// SPDX-License-Identifier: BSL-1.0
#include "stack.hpp"

#include <gyre/base/text.hpp>
#include <gyre/core/current.hpp>
#include <gyre/core/home.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/core/transfer.hpp>
#include <gyre/fiber/fiber.hpp>

#include <string>
#include <utility>

namespace gyre::detail {
namespace {

// Unwinds a fiber. Of no type that anybody could name: only catch (...) stops it.
struct fiber_unwinding {};

// A fiber that calls await() that often while it is unwound will go on for ever.
constexpr unsigned most_refusals = 100;

constinit thread_local fiber_run* fiber_here = nullptr;  // whose stack this thread is on

// Out of line, like this_thread(): the caller may be on another thread after a switch.
GYRE_NOINLINE fiber_run*& running_here() noexcept {
  asm volatile("" ::: "memory");
  return fiber_here;
}

std::string name_of(task_core& t) { return core_ref<task_record>(t.type->record(t))->name(); }

[[noreturn]] void throw_not_in_fiber() {
  task_core* const t = this_thread().current;
  if (t == nullptr) throw not_in_fiber("await: no task is running here; only the code of a fiber may call it");
  throw not_in_fiber("await: the running code of task '" + name_of(*t) +
                     "' is not in a fiber; a coroutine waits with co_await, fiber() calls plain functions");
}

}  // namespace

// A fiber leaves on the thread on which it was entered: all of this is on one thread.
inline void fiber_run::enter() noexcept {
  thread_state& thread = this_thread();
  fiber_run*& here = running_here();
  fiber_run* const outer = std::exchange(here, this);
  std::swap(thread.context, entered_context_);  // context::run() around an await
  stack_->control.enter();
  std::swap(thread.context, entered_context_);
  here = outer;
}

fiber_run& fiber_run::running(const std::source_location& where) {
  fiber_run* const here = running_here();
  if (here != nullptr && here->unwinding_) [[unlikely]]
    here->refuse();
  // A coroutine of another task may run on this stack: one that was started eagerly.
  if (here == nullptr || here->frame().task != this_thread().current) [[unlikely]]
    throw_not_in_fiber();
  here->line_ = here->frame().line = where;
  return *here;
}

void fiber_run::wait(void* awaiter, suspend_function suspend) {
  awaiter_ = awaiter;
  suspend_ = suspend;
  stack_->control.leave();
  if (unwinding_) [[unlikely]]
    throw fiber_unwinding();
  if (refused_by_ != nullptr) [[unlikely]]
    std::rethrow_exception(std::exchange(refused_by_, nullptr));
}

std::coroutine_handle<> fiber_run::advance(std::coroutine_handle<> frame) noexcept {
  frame_ = frame;
  if (stack_ == nullptr) {
    if (!begin()) return transfer(frame);
  } else {
    this->frame().line = line_;
  }
  for (;;) {
    enter();
    if (stack_->control.ended()) {
      ended_ = true;
      fiber_stack::give(*std::exchange(stack_, nullptr));
      return transfer(frame);
    }
    try {
      // When this returns a handle, another thread may have resumed the frame already: nothing here is touched again.
      const auto at = std::coroutine_handle<promise_base>::from_address(frame.address());
      if (const std::coroutine_handle<> next = suspend_(awaiter_, at); next != nullptr) return next;
    } catch (...) {
      refused_by_ = std::current_exception();
    }
  }
}

bool fiber_run::begin() noexcept {
  try {
    stack_ = &fiber_stack::take(stack_size_);
  } catch (...) {
    result_.error = std::current_exception();
    ended_ = true;
    return false;
  }
  stack_->control.prepare(stack_->low(), stack_->usable(), &run_body, this);
  return true;
}

void fiber_run::run_body(void* self) noexcept {
  auto& run = *static_cast<fiber_run*>(self);
  try {
    run.body_(run.call_);
    if (run.unwinding_) run.swallowed_ = true;
  } catch (const fiber_unwinding&) {
    // Everything on the stack is destroyed.
  } catch (...) {
    run.result_.error = std::current_exception();
  }
}

// await() in a fiber that is being unwound: in a destructor on the way, or in code that caught the unwinding.
void fiber_run::refuse() {
  if (++refusals_ > most_refusals) {
    left_behind_ = true;
    stack_->control.leave();  // for good
  }
  if (std::uncaught_exceptions() != 0) {
    throw error("await: the fiber of task '" + name_of(*frame().task) + "' is being destroyed and cannot wait");
  }
  swallowed_ = true;
  throw fiber_unwinding();
}

fiber_run::~fiber_run() {
  if (stack_ == nullptr) return;
  unwinding_ = true;
  enter();
  if (left_behind_) {
    fiber_stack::leave_behind(*stack_);
  } else {
    fiber_stack::give(*stack_);
  }
  if (swallowed_ || left_behind_) report_swallowed();
}

void fiber_run::report_swallowed() noexcept {
  task_core& t = *frame().task;
  make_report(&t.at(), "a fiber caught its unwinding and went on: catch (...) must rethrow", [&](report& r) {
    r.message = "the fiber of task '" + name_of(t) + "' caught its unwinding and went on: catch (...) must rethrow";
    if (left_behind_) r.message += "; it kept calling await() and its stack is left behind";
    r.details = "it was destroyed while waiting at ";
    append_place(r.details, frame().line);
  });
}

}  // namespace gyre::detail

namespace gyre {

fiber_counts fiber_stats() { return detail::fiber_stack::count(); }

}  // namespace gyre
