// SPDX-License-Identifier: BSL-1.0
#include <gyre/base/text.hpp>
#include <gyre/core/context.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/task_record.hpp>
#include <gyre/core/trace.hpp>

#include <algorithm>
#include <mutex>

namespace gyre::detail {
namespace {

// current_context() without a call, where a task creates another one.
context_slot& creators_context() noexcept {
  const thread_state& thread = this_thread();
  if (thread.context == nullptr && thread.current != nullptr) [[likely]]
    return thread.current->context;
  return current_context();
}

// The text of a task holds the text of what it awaits, and so on: not round a circle, and not to any depth.
class nested_text {
 public:
  explicit nested_text(const task_record& t) noexcept : task_(&t), outer_(innermost_) {
    int depth = 0;
    for (const nested_text* each = outer_; each != nullptr; each = each->outer_) {
      if (each->task_ == &t || ++depth == deepest) allowed_ = false;
    }
    innermost_ = this;
  }
  nested_text(const nested_text&) = delete;
  nested_text& operator=(const nested_text&) = delete;
  ~nested_text() { innermost_ = outer_; }
  [[nodiscard]] bool allowed() const noexcept { return allowed_; }

 private:
  static constexpr int deepest = 20;
  static thread_local const nested_text* innermost_;

  const task_record* task_;
  const nested_text* outer_;
  bool allowed_ = true;
};

thread_local const nested_text* nested_text::innermost_ = nullptr;

// Python's limit of get_stack(): the newest entries of a live stack, the oldest of an error's way.
void keep_at_most(std::vector<frame_call_graph_entry>& oldest_first, std::optional<std::size_t> limit, bool newest) {
  if (!limit || oldest_first.size() <= *limit) return;
  const auto surplus = static_cast<std::ptrdiff_t>(oldest_first.size() - *limit);
  if (newest) {
    oldest_first.erase(oldest_first.begin(), oldest_first.begin() + surplus);
  } else {
    oldest_first.erase(oldest_first.end() - surplus, oldest_first.end());
  }
}

}  // namespace

bool task_record::cancel(std::string_view message) {
  if (done()) mark_retrieved();          // an error that is yet to come is news
  const runtime_visit inside = visit();  // what is woken goes to a loop's queue
  if (!inside.admitted()) return false;
  task_core* t = core();
  return t != nullptr && t->cancel(message);
}

std::string task_record::name() const {
  const std::lock_guard hold(guard());
  if (name_ != nullptr) return name_->text;
  std::string made = "Task-";
  append_unsigned(made, number_);
  return made;
}

void task_record::rename(std::string_view name) {
  auto fresh = name.empty() ? nullptr : std::make_unique<const given_name>(name);
  const std::lock_guard hold(guard());
  name_.swap(fresh);
}

unsigned task_record::cancelling() const noexcept {
  const task_core* t = core();
  return t == nullptr ? cancels_at_end_ : t->state.cancelling();
}

unsigned task_record::uncancel() noexcept {
  task_core* t = core();
  return t == nullptr ? cancels_at_end_ : t->state.uncancel();
}

gyre::context task_record::get_context() {
  task_core* t = core();
  if (t == nullptr) throw error("get_context: the context of a child of a gather ends with it");
  return gyre::context(t->context.share());
}

const char* task_record::pending_state() const noexcept { return cancelling() > 0 ? "cancelling" : "pending"; }

void task_record::append_coroutine(std::string& out) const {
  out += coroutine_name(defined_.function_name());
  if (done()) {
    out += "() done, defined at ";
    append_place(out, defined_);
    return;
  }
  out += "() running at ";
  auto* t = const_cast<task_core*>(core());
  const bool held = t != nullptr && t->state.lock_if_waiting();
  const bool readable = held || (t != nullptr && is_still_here(*t));
  const bool has_frame = readable && t->resume_point != nullptr;
  append_place(out, has_frame ? promise_base::of(promise_base::root_of(t->resume_point)).line : defined_);
  if (held) t->state.unlock();
}

void task_record::append_details(std::string& out) const {
  out += " name=";
  append_quoted(out, name());
  out += " coro=<";
  append_coroutine(out);
  out += '>';
  auto* t = const_cast<task_core*>(core());
  if (t == nullptr || done() || !t->state.lock_if_waiting()) return;
  core_ref<future_core> awaited;
  if (t->state.forwards_cancel()) awaited = core_ref<future_core>::share(*t->waits_for);
  t->state.unlock();
  out += " wait_for=";
  if (const nested_text inside(*this); awaited && !inside.allowed()) {
    out += "...";
  } else if (awaited) {
    awaited->append_text(out);
  } else {
    out += "<Future pending cb=[...]>";
  }
}

std::vector<frame_call_graph_entry> task_record::stack(std::optional<std::size_t> limit, std::source_location here) {
  std::vector<frame_call_graph_entry> frames;
  task_core* const t = done() ? nullptr : core();
  if (t != nullptr) {
    const stack_capture chain(*t);
    if (!chain.levels().empty()) frames = chain.frames(chain.levels().front());
    if (t == this_thread().current) begin_with_caller(frames, here);
  } else if (const failure_path* way = error_path(); way != nullptr) {
    for (std::uint32_t i = 0; i < std::min(way->passed, failure_path::kept); ++i)
      frames.emplace_back(way->places[i], true);
  }
  std::reverse(frames.begin(), frames.end());
  keep_at_most(frames, limit, t != nullptr);
  return frames;
}

void task_record::append_stack(std::string& out, std::optional<std::size_t> limit, std::source_location here) {
  const bool ended = done();
  const std::vector<frame_call_graph_entry> frames = stack(limit, here);
  out += frames.empty() ? "No stack for " : ended ? "Traceback for " : "Stack for ";
  append_text(out);
  if (!frames.empty()) out += " (most recent call last):";
  for (const frame_call_graph_entry& each : frames) {
    out += "\n  ";
    each.append_text(out);
  }
  out += '\n';
}

const task_type own_task::type_of{
    &own_task::finish,
    [](task_core& t, result_base&) noexcept { static_cast<own_task&>(t).settle(nullptr); },
    [](task_core& t) -> task_record* {
      auto& record = static_cast<own_task&>(t);
      record.retain();
      return &record;
    },
    [](task_core& t) noexcept { static_cast<own_task&>(t).retain(); },
    [](task_core& t) noexcept { static_cast<own_task&>(t).release(); },
    [](task_core&, stack_capture&) noexcept {},
    [](task_core& t) noexcept { return static_cast<own_task&>(t).may_have_waiters(); }};

void own_task::start(home& first, const task_options& options, std::unique_ptr<kept_call>&& kept) {
  try {
    prepare(first, options, std::move(kept));
  } catch (...) {
    refuse();
    throw;
  }
  if (options.eager_start && this_thread().loop == &first) {
    run_nested(*this, first);
    if (done()) body_ = nullptr;
  } else {
    first.begin(*this);
  }
}

void own_task::prepare(home& first, const task_options& options, std::unique_ptr<kept_call>&& kept) {
  defined_ = innermost().line;
  body_ = &innermost();
  if (options.name.empty()) {
    number_ = first.next_task_number();
  } else {
    rename(options.name);
  }
  created_ = options.created;
  if (options.context != nullptr) {
    context.join(options.context->core());
  } else {
    context.copy_from(creators_context());
  }
  if (kept != nullptr) [[unlikely]]
    kept_ = std::move(kept);
  move_to(first);
  first.add_task(*this);
  trace(trace_event::created, *this);
}

void own_task::refuse() noexcept {
  if (body_ != nullptr) future_core::where()->remove_task(*this);  // prepared, in part at least
  state.finish();
  resume_point.destroy();
  kept_.reset();
  release();
}

std::coroutine_handle<> own_task::finish(task_core& t, std::coroutine_handle<> frame) noexcept {
  static_cast<own_task&>(t).settle(frame);
  return std::noop_coroutine();
}

void own_task::settle(std::coroutine_handle<> frame) noexcept {
  if (slot().error != nullptr) path_ = path_of(slot().error);
  resume_point = nullptr;  // user code may look at this task until it is done: from destructors, or a report
  if (frame != nullptr) frame.destroy();
  kept_.reset();
  note_missed_requests(task_state::missed_requests(end_with(slot())));
  trace(trace_event::done, *this);
  future_core::where()->remove_task(*this);
  if (slot().error != nullptr && ends_program(slot().error)) at().end_program(slot().error);
  complete();
  this_thread().forget_task();
  release();
}

void own_task::append_origin(std::string& out) const {
  if (created_.line() != 0) {
    out += "\n  created at ";
    append_place(out, created_);
  }
  if (path_ != nullptr) path_->append_text(out);
}

void own_task::report_abandon() noexcept {
  constexpr const char* what = "Task was destroyed but it is pending!";
  make_report(&at(), what, [this](report& r) {
    r.message = what;
    r.future = this;
    r.context = own_context();
    append_text(r.details);
    append_origin(r.details);
  });
}

void own_task::abandon() noexcept {
  if (reports_abandon_) report_abandon();
  static_cast<void>(state.claim());  // an observer from outside may look at the wait at this moment
  state.finish();
  // Another task that was abandoned may have woken this one.
  if (auto& entry = static_cast<list_link<>&>(*this); entry.linked()) entry.unlink();
  promise_base::root_of(resume_point).destroy();
  kept_.reset();
  forget_waiters();
  release();
}

placement place_task(const task_options& options, const char* call) {
  const thread_state& thread = this_thread();
  home* where = options.loop != nullptr ? &home_of(*options.loop) : thread.loop;
  if (where == nullptr) throw_no_loop(call, "no running event loop");
  if (options.loop != nullptr) refuse_if_forked(call);
  if (where->closed()) throw loop_closed(std::string(call) + ": the event loop is closed");
  const task_core* creator = thread.current;
  const bool inherited = creator != nullptr && creator->state.is_pinned() && !creator->state.is_main();
  const bool pinned = options.pin || inherited || where->asyncio_order();
  return placement{where, pinned ? task_bits::pinned : 0};
}

}  // namespace gyre::detail
