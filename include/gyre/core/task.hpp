// SPDX-License-Identifier: BSL-1.0
#pragma once
// task<T>: a coroutine that runs on its own. create_task, current_task, any_task.  Layer: core.
// Bodies: lib/core/task.cpp
#include <gyre/base/invoke.hpp>
#include <gyre/core/context.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/future.hpp>
#include <gyre/core/task_factory.hpp>
#include <gyre/core/task_record.hpp>

#include <cstdio>
#include <initializer_list>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

namespace gyre {

namespace detail {

/// What task<T> and any_task add to a future.
template <class Self>
class task_members {
 public:
  /// `Task-N`, or the name it was given.
  [[nodiscard]] std::string get_name() const { return record("get_name").name(); }
  void set_name(std::string_view name) const { record("set_name").rename(name); }

  /// Its coroutine; an empty view for an eager task that ended inside create_task().
  [[nodiscard]] coroutine_view get_coro() const { return record("get_coro").coroutine(); }
  /// The context that it runs in.   Like: Task.get_context.
  [[nodiscard]] context get_context() const { return record("get_context").get_context(); }

  /// Its chain of awaits, the oldest first, for a task that failed the way of its error; at most `limit` of them, those
  /// nearest to the current await, or to the root of the error's way. Empty for a task that ended otherwise, and for one
  /// that runs on another thread at this moment.   Like: Task.get_stack.
  [[nodiscard]] std::vector<frame_call_graph_entry> get_stack(
      std::optional<std::size_t> limit = std::nullopt,
      std::source_location here = std::source_location::current()) const {
    return record("get_stack").stack(limit, here);
  }
  /// Writes the same, a line each, below one that shows the task.   Like: Task.print_stack.
  void print_stack(std::optional<std::size_t> limit = std::nullopt, std::FILE* file = stderr,
                   std::source_location here = std::source_location::current()) const {
    std::string text;
    record("print_stack").append_stack(text, limit, here);
    std::fputs(text.c_str(), file);
  }

  /// How many cancel() calls it has had, less uncancel() calls.
  [[nodiscard]] unsigned cancelling() const { return record("cancelling").cancelling(); }
  /// Takes one cancel() back; returns how many are left. At 0 a cancel that has not ended a wait yet is withdrawn.
  unsigned uncancel() const { return record("uncancel").uncancel(); }

 private:
  [[nodiscard]] task_record& record(const char* call) const {
    return static_cast<task_record&>(static_cast<const Self*>(this)->core(call));
  }
};

}  // namespace detail

/// A coroutine that runs on its own, by itself or among siblings: a future of its result.
///
/// Life:    the loop keeps an unfinished task alive; dropping the handle lets it run on.
/// Thread:  any, for every member.   Like: asyncio.Task.
template <class T = void>
class task : public detail::basic_future<T, task<T>>, public detail::task_members<task<T>> {
  using base = detail::basic_future<T, task<T>>;

 public:
  task() noexcept = default;
  explicit task(detail::core_ref<detail::future_core> core) noexcept : base(std::move(core)) {}
};

/// A task of any result type.
///
/// Thread:  any, for every member.
class any_task : public detail::basic_future<unit, any_task>, public detail::task_members<any_task> {
  using base = detail::basic_future<unit, any_task>;

 public:
  any_task() noexcept = default;
  explicit any_task(detail::core_ref<detail::future_core> core) noexcept : base(std::move(core)) {}
  template <class T>
  any_task(const task<T>& typed) : base(typed.shared("any_task")) {}  // NOLINT: every task is one

  void result() const = delete;  // the type is gone: keep the task<T>
  void operator co_await() const = delete;
  friend bool operator<(const any_task& a, const any_task& b) noexcept {
    return reinterpret_cast<std::uintptr_t>(a.core_.get()) < reinterpret_cast<std::uintptr_t>(b.core_.get());
  }
};

/// A set of task handles, each once, in the order of insertion.
template <class Handle>
class basic_task_set {
 public:
  using const_iterator = typename std::vector<Handle>::const_iterator;

  basic_task_set() = default;
  basic_task_set(std::initializer_list<Handle> tasks) {
    for (const Handle& each : tasks) {
      if (!contains(each)) tasks_.push_back(each);
    }
  }

  [[nodiscard]] const_iterator begin() const noexcept { return tasks_.begin(); }
  [[nodiscard]] const_iterator end() const noexcept { return tasks_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return tasks_.size(); }
  [[nodiscard]] bool empty() const noexcept { return tasks_.empty(); }
  [[nodiscard]] const Handle& front() const noexcept { return tasks_.front(); }
  template <class Other>
  [[nodiscard]] bool contains(const Other& t) const {
    for (const Handle& each : tasks_) {
      if (&each.core("contains") == &t.core("contains")) return true;
    }
    return false;
  }
  /// Whether both have the same tasks, in any order.
  template <class Other>
  friend bool operator==(const basic_task_set& a, const basic_task_set<Other>& b) {
    for (const Handle& each : a) {
      if (!b.contains(each)) return false;
    }
    return a.size() == b.size();
  }
  /// Adds a task that is not in the set yet.
  void push_back(Handle t) { tasks_.push_back(std::move(t)); }

  void append_text(std::string& out) const {
    if (tasks_.empty()) {
      out += "set()";
      return;
    }
    out += '{';
    detail::append_elements(out, tasks_);
    out += '}';
  }

 private:
  std::vector<Handle> tasks_;
};
using task_set = basic_task_set<any_task>;

/// The task that is running.   Throws: no_running_loop outside a loop.
///
/// Returns: an empty handle in a plain callback.   Like: asyncio.current_task (None there).
[[nodiscard]] any_task current_task();

namespace detail {

template <class T>
void own_task_of<T>::append_result(std::string& out) const {
  append_value(out, result.value());
}

template <class T>
core_ref<own_task> start_task(coro<T>& body, const task_options& options, const char* call,
                              std::unique_ptr<kept_call> kept = nullptr);

/// Makes the record and queues the first step. Inline: it is all that create_task() does where the loop has no factory.
template <class T>
[[gnu::always_inline]] inline core_ref<own_task> make_task(coro<T>& body, const placement& place,
                                                           const task_options& options, const char* call,
                                                           std::unique_ptr<kept_call>&& kept) {
  const auto frame = body.consume(call);
  own_task_of<T>* record = nullptr;
  try {
    record = new own_task_of<T>(*place.where, frame, place.flags);
  } catch (...) {
    frame.destroy();
    throw;
  }
  frame.promise().task = record;
  frame.promise().slot = &record->result;
  core_ref<own_task> handle(record);
  record->start(*place.where, options, std::move(kept));
  return handle;
}

/// A coroutine on its way through a task factory.
template <class T>
class coro_for_factory final : public made_by_factory {
 public:
  coro_for_factory(coro<T>& body, std::unique_ptr<kept_call> kept) noexcept : body_(body), kept_(std::move(kept)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return body_.name(); }

  core_ref<own_task> make(const task_options& options) override {
    return make_task(body_, place_task(options, "create_task"), options, "create_task", std::move(kept_));
  }

 private:
  coro<T>& body_;
  std::unique_ptr<kept_call> kept_;
};

/// Where to start `body`, which a closed loop destroys: nobody else will run it, and nothing is to be reported.
template <class T>
placement place_body(coro<T>& body, const task_options& options, const char* call) {
  try {
    return place_task(options, call);
  } catch (const loop_closed&) {
    body.close();
    throw;
  }
}

/// The same by way of the loop's task factory, if it has one.
template <class T>
core_ref<own_task> start_task(coro<T>& body, const task_options& options, const char* call,
                              std::unique_ptr<kept_call> kept) {
  const placement place = place_body(body, options, call);
  if (!place.where->has_factory()) [[likely]]
    return make_task(body, place, options, call, std::move(kept));
  coro_for_factory<T> given(body, std::move(kept));
  return make_by_factory(*place.where, given, options);
}

template <class T>
task<T> handle_of(core_ref<own_task> record) noexcept {
  return task<T>(core_ref<future_core>(record.release()));
}

/// A callable that may start a coroutine: what a capturing coroutine lambda would refer to dies before it resumes.
template <class F>
inline constexpr bool outlives_its_call = std::is_empty_v<F> || std::is_pointer_v<F> || std::is_member_pointer_v<F>;

template <class F, class... Args>
struct kept_call_of final : kept_call {
  template <class G, class... Given>
  explicit kept_call_of(G&& fn, Given&&... given)
      : callable(std::forward<G>(fn)), arguments(std::forward<Given>(given)...) {}
  auto call() {
    return std::apply([this](auto&... each) { return call_any(callable, std::forward<Args>(each)...); }, arguments);
  }
  F callable;
  std::tuple<Args...> arguments;
};

template <class F, class... Args>
using started_coro = std::invoke_result_t<std::decay_t<F>&, std::unwrap_ref_decay_t<Args>...>;

template <class F, class... Args>
concept starts_coro =
    std::is_invocable_v<std::decay_t<F>&, std::unwrap_ref_decay_t<Args>...> && is_coro_v<started_coro<F, Args...>>;

template <class F, class... Args>
auto start_call(const task_options& options, const char* call, F&& fn, Args&&... args) {
  static_assert(
      outlives_its_call<std::decay_t<F>>,
      "a coroutine lambda must capture nothing here: its captures die before it resumes; pass them as arguments");
  using value = typename started_coro<F, Args...>::value_type;
  auto kept = std::make_unique<kept_call_of<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>>(
      std::forward<F>(fn), std::forward<Args>(args)...);
  auto body = kept->call();
  return handle_of<value>(start_task(body, options, call, std::move(kept)));
}

}  // namespace detail

/// Makes `body` a task; it starts in a later turn of its loop, never inside this call.
///
/// Throws:  no_running_loop; loop_closed (the body is destroyed unrun); already_awaited.
/// Cost:    one pooled record.   Like: asyncio.create_task.
template <class T>
task<T> create_task(coro<T> body, task_options options = task_options(),
                    std::source_location here = std::source_location::current()) {
  options.created = here;
  return detail::handle_of<T>(detail::start_task(body, options, "create_task"));
}

/// Makes `fn(args...)` a task; callable and arguments live as long as its body. Arguments are copied or moved in;
/// std::ref passes a reference.
template <class F, class... Args>
  requires detail::starts_coro<F, Args...>
auto create_task(F&& fn, Args&&... args) {
  return detail::start_call(task_options(), "create_task", std::forward<F>(fn), std::forward<Args>(args)...);
}

template <class F, class... Args>
  requires detail::starts_coro<F, Args...>
auto create_task(const task_options& options, F&& fn, Args&&... args) {
  return detail::start_call(options, "create_task", std::forward<F>(fn), std::forward<Args>(args)...);
}

template <class T>
inline constexpr bool is_future_v = false;
template <class T>
  requires requires { typename T::value_type; }
inline constexpr bool is_future_v<T> = std::is_base_of_v<detail::basic_future<typename T::value_type, T>, T>;

}  // namespace gyre
