// SPDX-License-Identifier: BSL-1.0
#pragma once
// How run(), runner and runtime are set up.  Layer: runtime.  Bodies: lib/runtime/run_options.cpp
#include <gyre/base/time_span.hpp>
#include <gyre/loop/event_loop.hpp>
#include <gyre/runtime/overflow.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace gyre {

/// In which order a loop takes its steps.
enum class run_order : std::uint8_t {
  asyncio,   ///< every task pinned, one queue, exactly asyncio's iterations; the default with one loop
  fork_join  ///< stealing, children of gather by transfer; the default with several
};

/// Options with named setters: `run_options().loops(4).debug(true)`.
class run_options {
 public:
  using factory = unique_function<std::shared_ptr<event_loop>()>;

  run_options() {}  // NOLINT: not an aggregate, see CONTRIBUTING on g++ 12

  /// Number of loops, 1 to 255; 0 stands for GYRE_LOOPS, or else usable_cores().
  run_options& loops(int n) { return set(loops_, n); }
  run_options& debug(bool on) { return set(debug_, on); }
  run_options& order(run_order o) { return set(order_, std::optional<run_order>(o)); }
  /// Makes the loop; only with one loop.
  run_options& loop_factory(factory f) {
    return set(loop_factory_, f ? std::make_shared<factory>(std::move(f)) : nullptr);
  }
  /// How long the end of run() waits for tasks, executors and threads together; without it for tasks and threads without
  /// limit, for executors 5 minutes. A loop's thread that is inside user code past it (and a second more) is detached and
  /// reported with its task. When it comes back it closes its loop: what that reports goes to the exception handler then, after
  /// the runtime's end.
  run_options& shutdown_timeout(time_span t) {
    return set(shutdown_timeout_, std::optional<std::chrono::nanoseconds>(t));
  }
  /// At most `n` coroutines of run_coroutine_threadsafe() that have not ended; without it, any number.
  ///
  /// Throws:  value_error if `n` is 0: nobody could ever submit.
  run_options& max_submissions(std::size_t n, submission_overflow then = submission_overflow::wait) {
    if (n == 0) throw value_error("max_submissions: 0 would let nobody in");
    overflow_ = then;
    return set(max_submissions_, std::optional<std::size_t>(n));
  }
  /// Names the runtime's threads: up to 10 bytes, and the number of the loop follows: gyre-0, gyre-1, ... The thread that
  /// calls run() keeps its own name.
  run_options& name(std::string n) { return set(name_, std::move(n)); }
  /// Ties each loop's thread to one core, in turn, the calling thread until run() or the runner ends. Threads that gyre starts
  /// for other work are not tied; threads that user code starts on a loop inherit its core.
  run_options& pin_threads(bool on) { return set(pin_threads_, on); }
  /// How long a loop that runs out of work looks around for more before it sleeps, a thread of the default executor that does
  /// so, and a thread outside that waits for a result; 50 us unless set, 0: not at all. Only where the last waits were short and
  /// ended by another thread, never for I/O or timers alone, in a simulation or with more loops than cores: a runtime that is
  /// idle sleeps.
  ///
  /// Throws:  value_error if it is negative.
  /// Cost:    the loop's core, though whoever else wants it gets it; where that was for long, it spins rarely. To wake a
  ///          sleeping core takes about 20 us: two bare threads that answer each other need 0.6 us a round trip with it and 30
  ///          to 44 us without, with 10 us of work for each answer 10.7 and 57 us; with one message a millisecond they do not
  ///          spin.
  run_options& spin_before_park(time_span t) {
    if (t.count() < 0) throw value_error("spin_before_park: less than nothing");
    return set(spin_before_park_, t);
  }

  /// A loop that is inside one step or callback for longer is reported, once, by its exception handler, which a thread of the
  /// runtime's watchdog calls: with task, await chain and native stack. 0 or less: never. Without it: never, in debug mode
  /// after 100 ms.
  ///
  /// The thread is interrupted by SIGURG for the stack: poll(), usleep() and the like may end with EINTR there. A program that
  /// handles this signal itself gets no stacks.
  run_options& stall_limit(time_span t) { return set(stall_limit_, std::optional<std::chrono::nanoseconds>(t)); }
  /// When nothing could run for this long, and only a thread outside could change that, what every task waits for is reported
  /// to the first loop's exception handler, once, by the watchdog's thread. Nothing is ended. 0 or less, or without it: never.
  ///
  /// It is silent while there is a timer, a function on a thread, or native_context() in use: I/O may come then.
  run_options& deadlock_limit(time_span t) { return set(deadlock_limit_, std::optional<std::chrono::nanoseconds>(t)); }

  [[nodiscard]] int loops() const noexcept { return loops_; }
  [[nodiscard]] bool debug() const noexcept { return debug_; }
  [[nodiscard]] std::optional<run_order> order() const noexcept { return order_; }
  [[nodiscard]] const std::shared_ptr<factory>& loop_factory() const noexcept { return loop_factory_; }
  [[nodiscard]] std::optional<std::chrono::nanoseconds> shutdown_timeout() const noexcept { return shutdown_timeout_; }
  [[nodiscard]] std::optional<std::chrono::nanoseconds> stall_limit() const noexcept { return stall_limit_; }
  [[nodiscard]] std::optional<std::chrono::nanoseconds> deadlock_limit() const noexcept { return deadlock_limit_; }
  [[nodiscard]] std::chrono::nanoseconds spin_before_park() const noexcept { return spin_before_park_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool pin_threads() const noexcept { return pin_threads_; }
  [[nodiscard]] std::optional<std::size_t> max_submissions() const noexcept { return max_submissions_; }
  [[nodiscard]] submission_overflow overflow() const noexcept { return overflow_; }

  /// The number of loops that these options come to.   Throws: value_error.
  [[nodiscard]] int resolved_loops() const;
  [[nodiscard]] run_order resolved_order() const;

 private:
  template <class T, class U>
  run_options& set(T& member, U&& value) {
    member = std::forward<U>(value);
    return *this;
  }

  int loops_ = 0;
  bool debug_ = false;
  bool pin_threads_ = false;
  std::optional<run_order> order_;
  std::shared_ptr<factory> loop_factory_;  // shared by copies of the options
  std::optional<std::chrono::nanoseconds> shutdown_timeout_;
  std::optional<std::chrono::nanoseconds> stall_limit_;
  std::optional<std::chrono::nanoseconds> deadlock_limit_;
  std::chrono::nanoseconds spin_before_park_ = std::chrono::microseconds(50);
  std::optional<std::size_t> max_submissions_;
  submission_overflow overflow_ = submission_overflow::wait;
  std::string name_ = "gyre";
};

}  // namespace gyre
