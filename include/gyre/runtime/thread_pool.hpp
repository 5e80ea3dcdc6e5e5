// SPDX-License-Identifier: BSL-1.0
#pragma once
// thread_pool_executor: threads for plain functions.  Layer: runtime.  Bodies: lib/runtime/thread_pool.cpp
#include <gyre/base/time_span.hpp>
#include <gyre/core/blocking_future.hpp>
#include <gyre/runtime/overflow.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gyre {

/// Options with named setters: `thread_pool_options().max_threads(8).name("images")`.
class thread_pool_options {
 public:
  thread_pool_options() {}  // NOLINT: not an aggregate, see CONTRIBUTING on g++ 12

  /// At most this many threads; 0 stands for usable cores + 4, at most 32. Functions that compute want as many as cores,
  /// functions that wait as many as may wait at once.
  thread_pool_options& max_threads(std::size_t n) { return set(max_threads_, n); }
  /// Name of the threads: the first 10 bytes, then a number.
  thread_pool_options& name(std::string n) { return set(name_, std::move(n)); }
  /// A thread that has had no work for so long leaves; 10 s unless set.
  thread_pool_options& idle_timeout(time_span t) { return set(idle_timeout_, t); }
  /// At most `n` functions wait for a thread; without it, any number.
  thread_pool_options& max_queue(std::size_t n, submission_overflow then = submission_overflow::wait) {
    overflow_ = then;
    return set(max_queue_, std::optional<std::size_t>(n));
  }
  /// How long a thread that has no more work looks around for some before it sleeps, where its last waits were short: see
  /// run_options::spin_before_park(). One thread at a time does; 0: none.
  ///
  /// Throws:  value_error if it is negative.
  thread_pool_options& spin_before_park(time_span t) {
    if (t.count() < 0) throw value_error("spin_before_park: less than nothing");
    return set(spin_before_park_, t);
  }

  [[nodiscard]] std::size_t max_threads() const noexcept { return max_threads_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::chrono::nanoseconds idle_timeout() const noexcept { return idle_timeout_; }
  [[nodiscard]] std::optional<std::size_t> max_queue() const noexcept { return max_queue_; }
  [[nodiscard]] submission_overflow overflow() const noexcept { return overflow_; }
  [[nodiscard]] std::chrono::nanoseconds spin_before_park() const noexcept { return spin_before_park_; }

 private:
  template <class T, class U>
  thread_pool_options& set(T& member, U&& value) {
    member = std::forward<U>(value);
    return *this;
  }

  std::size_t max_threads_ = 0;
  std::string name_ = "gyre-pool";
  std::chrono::nanoseconds idle_timeout_ = std::chrono::seconds(10);
  std::optional<std::size_t> max_queue_;
  submission_overflow overflow_ = submission_overflow::wait;
  std::chrono::nanoseconds spin_before_park_ = std::chrono::microseconds(50);
};

/// A moment's view of a pool.
struct thread_pool_stats {
  std::size_t threads = 0;       ///< that exist now
  std::size_t idle = 0;          ///< of those, without work
  std::size_t queued = 0;        ///< functions that have not begun
  std::uint64_t completed = 0;   ///< functions that have ended, or were cancelled before they began
  std::size_t peak_threads = 0;  ///< most threads at once
  std::size_t peak_queued = 0;   ///< most functions that had not begun at once
};

/// Threads that appear under demand and leave when idle.
///
/// Thread:  any, for every member.
/// Life:    the destructor takes no more work and waits for what was taken, unless shutdown() has given that up, or it runs on
///          a thread of this pool.
/// Like:    concurrent.futures.ThreadPoolExecutor.
class thread_pool_executor final : public offload_executor {
 public:
  explicit thread_pool_executor(const thread_pool_options& options = thread_pool_options());
  explicit thread_pool_executor(std::size_t max_threads, std::string name = "gyre-pool");
  ~thread_pool_executor() override;

  /// Queues `work`; starts a thread if all are busy and the bound allows it.
  ///
  /// Throws:  error after shutdown(); queue_full; std::system_error if no thread at all can be started.
  void execute(offload_work work) override;
  /// A thread that has no work is waited for past the deadline too: it leaves at once.
  bool shutdown(std::chrono::steady_clock::time_point deadline) override;
  /// Each with how long it has been running, then how many have not begun.
  [[nodiscard]] bool runs_caller() const noexcept override;
  [[nodiscard]] std::vector<std::string> unfinished() const override;

  [[nodiscard]] thread_pool_stats stats() const;
  [[nodiscard]] std::size_t thread_count() const { return stats().threads; }

 private:
  class shared;
  std::shared_ptr<shared> state_;
};

}  // namespace gyre
