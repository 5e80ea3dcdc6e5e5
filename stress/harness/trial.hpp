// SPDX-License-Identifier: BSL-1.0
#pragma once
// One round of a scenario: its seed and size, what it counts, what it found wrong.
#include <gyre/gyre.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "dice.hpp"

namespace storm {

/// What a round knows and reports.
///
/// Thread:  any, for every member but `random`, which is that of the round's main.
class trial {
 public:
  trial(std::uint64_t round_seed, int loop_count, std::size_t round_size, bool in_simulation)
      : seed(round_seed), loops(loop_count), size(round_size), simulated(in_simulation), random(round_seed) {}
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;

  const std::uint64_t seed;
  const int loops;
  const std::size_t size;  ///< how much there is to do; what it counts is the scenario's business
  const bool simulated;    ///< one thread, virtual clock: no foreign threads, sockets or runtime objects
  dice random;

  /// Adds to the operations that the table shows.
  void did(std::uint64_t n = 1) noexcept { operations_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t operations() const noexcept { return operations_.load(std::memory_order_relaxed); }

  /// Notes a violation unless `holds`. The round goes on.
  void expect(bool holds, std::string_view what) {
    if (!holds) [[unlikely]]
      violated(std::string(what));
  }
  template <class A, class B>
  void expect_equal(std::string_view what, const A& found, const B& wanted) {
    if (std::cmp_equal(found, wanted)) [[likely]]
      return;
    violated(std::string(what) + ": found " + std::to_string(found) + ", expected " + std::to_string(wanted));
  }
  void violated(std::string what);
  [[nodiscard]] std::vector<std::string> violations() const;

  /// The tasks around `loop` are worth a look if the round hangs; null when the loop is about to go.
  void show(gyre::event_loop* loop);
  /// A table of them, empty if there is nothing to show.   Thread: the one that watches the deadline.
  [[nodiscard]] std::string shown_tasks();

  /// Which reports to a loop's exception handler are no violations: of errors that no task has read, or all.
  enum class tolerance : unsigned char { none, unread_errors, all };
  std::atomic<tolerance> tolerated{tolerance::none};
  std::atomic<std::int64_t> living{0};  ///< objects of class alive; 0 at the end of the round

 private:
  std::atomic<std::uint64_t> operations_{0};
  mutable std::mutex guard_;
  std::vector<std::string> violations_;
  gyre::event_loop* shown_ = nullptr;
};

/// A parameter or local of a coroutine that must be destroyed exactly once, with its frame.
class alive {
 public:
  explicit alive(trial& t) noexcept : trial_(&t) { trial_->living.fetch_add(1, std::memory_order_relaxed); }
  alive(const alive& other) noexcept : alive(*other.trial_) {}
  alive& operator=(const alive&) = delete;
  ~alive() { trial_->living.fetch_sub(1, std::memory_order_relaxed); }

 private:
  trial* trial_;
};

/// Counts those inside a region and notes a violation when there are more than `most`.
class occupancy {
 public:
  occupancy(trial& t, int most, const char* what) noexcept : trial_(t), most_(most), what_(what) {}
  void enter() {
    if (inside_.fetch_add(1, std::memory_order_relaxed) >= most_) trial_.violated(what_);
  }
  void leave() { inside_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] int inside() const noexcept { return inside_.load(std::memory_order_relaxed); }

 private:
  trial& trial_;
  int most_;
  const char* what_;
  std::atomic<int> inside_{0};
};

/// Runs `body` as the main of a round, then waits until no other task is left. Errors that reach an exception handler are
/// violations.
[[nodiscard]] gyre::coro<> run_body(trial& t, gyre::coro<> (*body)(trial&));

/// Makes reports of any loop of the running runtime violations.
void refuse_reports(trial& t);
/// The same for a runtime object.
void refuse_reports(trial& t, gyre::runtime& r);

/// Waits until its task and `keep` - 1 others are the only tasks, and no object of class alive is left; what does not end is
/// a violation.
[[nodiscard]] gyre::coro<> await_others(trial& t, std::size_t keep);

/// `error` in words.
[[nodiscard]] std::string in_words(const std::exception_ptr& error);

}  // namespace storm
