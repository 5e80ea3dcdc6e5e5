// SPDX-License-Identifier: BSL-1.0
#pragma once
// Plain functions on other threads: what an executor is, and the function on its way through one.  Layer: core.
// Bodies: lib/core/offload_executor.cpp
#include <gyre/base/invoke.hpp>
#include <gyre/core/coro.hpp>
#include <gyre/core/future.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace gyre {

template <class T>
class blocking_future;
class offload_executor;

namespace detail {

/// A function that is to run on another thread, and the future of its result.
///
///   stage_    waiting -> begun (by the executor) | dropped (by a cancel); one exchange decides, and orders nothing: what the
///             function needs comes through the executor.
///   result    filled by whoever gets reserve(): the function when it returns, or the cancel.
class offload_core : public future_core {
 public:
  /// Before it is given to an executor: whose future this is, what reports call it, and what its function may see.
  void settle_at_loop(home& loop) noexcept { settle_at(&loop); }
  void note_caller(std::source_location where, const task_core* task);
  void carry_context() noexcept;

  /// On the other thread: runs the function, unless it was cancelled before.
  void execute() noexcept;
  /// A function that has not begun never will; one that runs goes on alone, and its result is dropped.
  bool cancel(std::string_view message) override;

  /// `to_thread(FUNCTION), called at FILE:LINE by task 'NAME'`
  void append_label(std::string& out) const;

 protected:
  offload_core(result_base& room, const char* call, const std::type_info& function) noexcept
      : future_core(nullptr, room), call_(call), function_(&function) {}

  /// Calls the function, and keeps the outcome if nobody was faster: then true.
  virtual bool call() noexcept = 0;

 private:
  enum class stage : unsigned char { waiting, begun, dropped };

  std::atomic<stage> stage_{stage::waiting};
  bool carries_context_ = false;
  const char* call_;
  const std::type_info* function_;
  std::source_location caller_;
  std::string task_;  // its name
  context_slot context_;
};

/// With callable, arguments and room for the result.
template <class R, class F, class... Args>
class offload_call final : public offload_core {
 public:
  template <class G, class... Given>
  explicit offload_call(const char* call, G&& fn, Given&&... given)
      : offload_core(result_, call, typeid(F)),
        work_(std::in_place, std::forward<G>(fn), std::forward<Given>(given)...) {}

  void append_result(std::string& out) const override { append_value(out, result_.value()); }

 private:
  struct work {
    template <class G, class... Given>
    explicit work(G&& callable, Given&&... given)
        : fn(std::forward<G>(callable)), args(std::forward<Given>(given)...) {}
    decltype(auto) run() {
      return std::apply([this](auto&... each) -> R { return call_any(std::move(fn), std::forward<Args>(each)...); },
                        args);
    }
    F fn;
    std::tuple<Args...> args;
  };

  bool call() noexcept override {
    bool mine = false;
    try {
      if constexpr (std::is_void_v<R>) {
        work_->run();
        work_.reset();
        mine = reserve();
        if (mine) result_.emplace();
      } else {
        R value = work_->run();
        work_.reset();
        mine = reserve();
        if (mine) keep(value);
      }
    } catch (...) {
      work_.reset();
      mine = mine || reserve();
      if (mine) result_.error = std::current_exception();
    }
    return mine;
  }
  template <class V>
  void keep(V& value) {
    if constexpr (std::is_reference_v<R>) {
      result_.emplace(std::addressof(value));
    } else {
      result_.emplace(std::move(value));
    }
  }

  std::optional<work> work_;
  result_slot<R> result_;
};

template <class F, class... Args>
using offload_result = std::invoke_result_t<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>;

template <class F, class... Args>
concept offloadable = std::is_invocable_v<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>;

template <class F, class... Args>
core_ref<offload_core> make_offload(const char* call, F&& fn, Args&&... args) {
  using R = offload_result<F, Args...>;
  static_assert(!is_coro_v<R>, "a thread takes a plain function: a coroutine needs no thread, use create_task()");
  using call_type = offload_call<R, std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>;
  return core_ref<offload_core>(new call_type(call, std::forward<F>(fn), std::forward<Args>(args)...));
}

}  // namespace detail

/// A function on its way through an executor.
///
/// Shape:   called once, on any thread; one that is destroyed uncalled is cancelled. Calling it never throws: value and error
///          go to who waits. A function that was cancelled meanwhile is not run by the call.
class offload_work {
 public:
  offload_work() noexcept = default;
  explicit offload_work(detail::core_ref<detail::offload_core> core) noexcept : core_(std::move(core)) {}
  offload_work(offload_work&& other) noexcept = default;
  offload_work& operator=(offload_work&& other) noexcept {
    if (this != &other) {
      discard();
      core_ = std::move(other.core_);
    }
    return *this;
  }
  ~offload_work() { discard(); }

  void operator()() noexcept {
    const detail::core_ref<detail::offload_core> running = std::exchange(core_, {});
    running->execute();
  }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(core_); }

  /// What it is, for reports; may be kept longer than the work.
  [[nodiscard]] detail::core_ref<detail::offload_core> core() const noexcept { return core_; }
  void append_text(std::string& out) const {
    if (core_) core_->append_label(out);
  }

 private:
  void discard() noexcept {
    if (core_) core_->cancel({});
  }

  detail::core_ref<detail::offload_core> core_;
};

/// Runs functions somewhere else. thread_pool_executor is one; a user's own may be given to run_in_executor.
///
/// Like:    concurrent.futures.Executor.
class offload_executor {
 public:
  offload_executor() = default;
  offload_executor(const offload_executor&) = delete;
  offload_executor& operator=(const offload_executor&) = delete;
  virtual ~offload_executor() = default;

  /// Takes a function to call, once, on another thread.   Throws: error after shutdown(), std::bad_alloc.   Thread: any.
  virtual void execute(offload_work work) = 0;

  /// Takes no more work; waits for what was taken, until `deadline` at most. False if some did not end.
  virtual bool shutdown(std::chrono::steady_clock::time_point deadline) = 0;

  /// Whether the calling thread is inside a function that shutdown() would wait for.
  [[nodiscard]] virtual bool runs_caller() const noexcept { return false; }

  /// The functions that have not ended, one a line of text, for the report of a shutdown that gave up.
  [[nodiscard]] virtual std::vector<std::string> unfinished() const { return {}; }

  /// Starts `fn(args...)` and gives its future to wait on, from a thread that is no loop.
  ///
  /// Throws:  as execute().   Like: Executor.submit.   Body: core/blocking_future.hpp
  template <class F, class... Args>
    requires detail::offloadable<F, Args...>
  blocking_future<detail::offload_result<F, Args...>> submit(F&& fn, Args&&... args);
};

/// An executor as an argument: a pointer of any kind, null for the default one. Notes the line of the call.
class executor_ref {
 public:
  executor_ref(offload_executor* executor,
               std::source_location where = std::source_location::current()) noexcept  // NOLINT
      : executor_(executor), where_(where) {}
  template <class E>
    requires std::is_convertible_v<E*, offload_executor*>
  executor_ref(const std::shared_ptr<E>& executor,  // NOLINT: stands for any of them
               std::source_location where = std::source_location::current()) noexcept
      : executor_(executor.get()), where_(where) {}

  [[nodiscard]] offload_executor* get() const noexcept { return executor_; }
  [[nodiscard]] std::source_location where() const noexcept { return where_; }

 private:
  offload_executor* executor_;
  std::source_location where_;
};

}  // namespace gyre
