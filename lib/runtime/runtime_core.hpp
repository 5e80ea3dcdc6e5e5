// SPDX-License-Identifier: BSL-1.0
#pragma once
// The inside of a runtime: its loops and threads, stealing, standing in for stuck loops, the end.  Layer: runtime.
#include "../loop/loop_core.hpp"
#include "../loop/platform.hpp"
#include "cores.hpp"
#include "parking.hpp"
#include "submission_gate.hpp"
#include "watch_role.hpp"
#include "watchdog.hpp"
#include "worker_end.hpp"
#include "worker_threads.hpp"

#include <gyre/runtime/runtime.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace gyre::detail {

/// Standing in (contract C7): while some worker runs and another sleeps, one sleeper, the watcher, wakes after 10 ms and
/// compares each awake worker's count of steps with what it saw last. One that has not moved is stuck in user code: the
/// watcher runs its I/O completions and its stealable timers, takes its stealable tasks as any thief, and looks again
/// after a millisecond or less. Loops that work look, too, between their turns: all may be busy. When all sleep there is no
/// watcher, so an idle runtime wakes for nothing.
class runtime_core final : public peer_group, public std::enable_shared_from_this<runtime_core> {
 public:
  /// `first_on_caller`: loop 0 is run by whoever made the runtime; else it gets a thread too.
  runtime_core(const run_options& options, bool first_on_caller);
  runtime_core(const runtime_core&) = delete;
  runtime_core& operator=(const runtime_core&) = delete;
  ~runtime_core();

  /// Starts the threads.   Throws: std::system_error; then none runs.
  void start();
  /// Ends the loops' threads, after what they do now, and closes the loops, the first one last.
  ///
  /// With a deadline, a thread that has not left user code by then is detached and reported with the names of the tasks
  /// that it runs. Nothing is destroyed under its feet then: the loops refuse new entries, whoever waits for a task from
  /// outside is told, and the rest is destroyed when that thread comes back.
  void stop(std::optional<worker_threads::time_point> deadline);

  /// Held by whoever ends the runtime.
  class stopping {
   public:
    explicit stopping(runtime_core& r) : core_(r), hold_(r.stop_guard_) {}
    /// Somebody else has.
    [[nodiscard]] bool is_over() const noexcept { return core_.stopped_.load(std::memory_order_relaxed); }

   private:
    runtime_core& core_;
    std::lock_guard<std::mutex> hold_;
  };
  /// True once stop() has returned.   Thread: any, but not while `stopping`.
  [[nodiscard]] bool stopped() const noexcept {
    if (!stopped_.load(std::memory_order_relaxed)) return false;
    const std::lock_guard after(stop_guard_);  // all that whoever stopped it has done
    return true;
  }

  [[nodiscard]] event_loop& loop(std::size_t i) const { return *loops_.at(i); }
  [[nodiscard]] std::size_t size() const noexcept { return loops_.size(); }
  [[nodiscard]] runtime_stats stats() const noexcept;
  [[nodiscard]] bool on_own_loop() const noexcept;
  /// Whether the calling thread runs a function for the default executor, which stop() waits for.
  [[nodiscard]] bool on_own_executor();
  [[nodiscard]] std::optional<std::chrono::nanoseconds> shutdown_timeout() const noexcept { return shutdown_timeout_; }
  /// Loops in turn, for work that comes from outside.
  [[nodiscard]] loop_core& next_loop() noexcept {
    return core(next_.fetch_add(1, std::memory_order_relaxed) % loops_.size());
  }

  /// The bound on what threads from outside submit; null without one.
  [[nodiscard]] submission_gate* gate() noexcept { return gate_ ? &*gate_ : nullptr; }

  // peer_group
  stolen steal(loop_core& thief) override;
  void work_added() noexcept override;
  std::int64_t about_to_sleep(loop_core& l) override;
  void awake(loop_core& l, bool searches_on) noexcept override;
  void starts_work(loop_core& l) noexcept override;
  bool begin_search(loop_core& l) noexcept override { return parking_.begin_search(l); }
  [[nodiscard]] bool anything_to_steal() const noexcept override;
  void found_work(loop_core& l, bool more) noexcept override;
  void for_each_loop(void (*each)(loop_core&, void*), void* context) override;
  void look_after_others(loop_core& l) override;
  bool look_between_turns(loop_core& l, std::int64_t now) override;
  [[nodiscard]] loop_core* awaited_loop() noexcept override { return first_on_caller_ ? &core(0) : nullptr; }

 private:
  struct sample {
    std::uint64_t steps = 0;
    std::int64_t since = 0;  // when the count was first seen so
  };
  [[nodiscard]] loop_core& core(std::size_t i) const noexcept { return loops_[i]->core(); }
  void run_thread(std::size_t i) noexcept;
  void end_thread(std::size_t i) noexcept;
  void close_loops();
  void start_watchdog();
  void leave_behind(const std::vector<std::size_t>& stuck);
  /// What a look has come upon: a loop that is stuck, and something to do for it.
  struct seen {
    bool stuck = false;
    bool found = false;
  };
  bool look(loop_core& l, std::int64_t now);
  [[nodiscard]] seen stand_in(std::size_t i, std::int64_t now);

  platform* platform_;
  std::string name_;
  bool first_on_caller_;
  bool tie_threads_;
  parking parking_;
  executor_slot executor_;
  std::optional<submission_gate> gate_;  // outlives the loops, whose tasks leave it
  std::atomic<std::uint64_t> task_numbers_{1};
  std::vector<std::shared_ptr<event_loop>> loops_;
  worker_threads threads_;
  std::optional<core_tie> caller_tie_;
  std::optional<std::chrono::nanoseconds> stall_limit_;
  std::optional<std::chrono::nanoseconds> deadlock_limit_;
  watch_counts watch_counts_;
  std::unique_ptr<watchdog> watchdog_;  // ends before the loops close
  mutable std::mutex stop_guard_;       // serialises those who call runtime::stop()
  std::atomic<bool> stopped_{false};
  basic_worker_end<> ending_;  // stop() wants the threads to end
  bool left_behind_ = false;   // a thread is stuck in user code: stop() has given up
  bool closed_ = false;        // all tasks are gone; written while the threads wait for their release
  std::optional<std::chrono::nanoseconds> shutdown_timeout_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> victim_seed_;
  std::atomic<std::uint64_t> takeovers_{0};

  basic_watch_role<loop_core> watcher_;
  spin_lock looking_;            // only ever tried: held by who looks at the others
  std::vector<sample> samples_;  // under looking_, as is the next
  int looks_left_ = 0;           // with the short interval
  // Written under looking_. Relaxed: who reads an old value looks once too often, or finds somebody at it.
  std::atomic<std::int64_t> last_look_{0};
  std::atomic<std::int64_t> next_look_in_;
};

/// The runtime of a loop; null for a loop of its own.
[[nodiscard]] runtime_core* runtime_of(loop_core& l) noexcept;

}  // namespace gyre::detail
