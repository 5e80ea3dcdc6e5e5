// SPDX-License-Identifier: BSL-1.0
#pragma once
// Finds the await that closes a circle of tasks: each waits for the next, and nothing but a cancel could end it.
// Layer: core.  Bodies: lib/core/await_circle.cpp
#include <gyre/core/task_core.hpp>

#include <array>
#include <cstddef>
#include <source_location>

namespace gyre::detail {

/// The walk from an await along the awaits of parked tasks, back to where it began.
///
/// What may be passed: a task that awaits another one, a shield, and a gather that cannot end without the child in question.
/// A task inside a time limit ends the walk, since its await ends by itself; so does any other kind of wait.
///
///   closer (parks for `awaited`)                       closer of the same circle, on another thread
///   K1 parks: the word, seq_cst                        K1
///   K2 reads the words of the others, seq_cst          K2
///
/// Proof:  whose K1 comes last in the single order finds all the others parked in K2. Two may find the circle: both throw.
///
/// Everything is looked at with its task's word locked, and stays so until the walk has returned past it: a parked task
/// keeps alive what it awaits. No lock is waited for, since the walk holds some: it then gives up, and is begun again.
///
/// Thread:  one, in suspend_on().
class await_circle {
 public:
  enum class verdict : unsigned char { none, busy, closed };

  explicit await_circle(task_core& closing) noexcept : closing_(closing) {}
  await_circle(const await_circle&) = delete;
  await_circle& operator=(const await_circle&) = delete;
  ~await_circle() { forget(); }

  /// The closing task has parked for `awaited`, and the caller holds that one's lock.
  [[nodiscard]] verdict look(const future_core& awaited) noexcept;

  /// Throws would_deadlock with the names and places of the circle. No lock is held.
  [[noreturn]] void raise();

 private:
  struct place {
    task_core* task;  // held
    std::source_location line;
  };
  static constexpr int longest = 100;      // tasks that are passed
  static constexpr std::size_t shown = 8;  // tasks that are named

  [[nodiscard]] bool follow(const future_core& f, int passed) noexcept;
  [[nodiscard]] bool follow_task(task_core& t, int passed) noexcept;
  void forget() noexcept;

  task_core& closing_;
  std::array<place, shown> circle_{};  // the last task first
  std::size_t count_ = 0;
  bool busy_ = false;
};

}  // namespace gyre::detail
