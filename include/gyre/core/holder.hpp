// SPDX-License-Identifier: BSL-1.0
#pragma once
// Which task holds a lock, for those who look for deadlocks. Noted only while somebody wants to know.
// Layer: core.  Bodies: lib/core/holder.cpp
#include <atomic>
#include <cstdint>

namespace gyre {

/// From now on locks note which task takes them, so that a wait graph can say who holds what. On by itself as soon as there
/// is a loop in debug mode, a simulation or a deadlock watch; it is never switched off.
///
/// Shape:   of a lock that was taken before, the holder is unknown.   Thread: any.
/// Cost:    some instructions for each lock that is taken.
void track_lock_holders() noexcept;

namespace detail {

class task_core;

extern std::atomic<bool> holders_wanted;

/// One load and one predictable branch on the way of every lock that is taken.
[[nodiscard]] inline bool notes_holders() noexcept { return holders_wanted.load(std::memory_order_relaxed); }

/// A task's address, and a mark that tells the task from others that have been there; 0 for nobody. To be compared only.
using holder_word = std::uint64_t;

/// The word of a task that the caller holds; 0 if it never held anything.
[[nodiscard]] holder_word holder_word_of(const task_core& t) noexcept;

/// Who holds a lock.
///
///   word_   written by the task that has taken the lock, and when a waiter is chosen to be the next: these follow each other
///           by the lock's own order. While nobody waits a free lock keeps the last word, for which nobody asks. Relaxed: a
///           reader may see the word of an instant ago.
class holder_note {
 public:
  void taken() noexcept {
    if (notes_holders()) [[unlikely]]
      note_running_task();
  }
  void freed() noexcept { word_.store(0, std::memory_order_relaxed); }
  [[nodiscard]] holder_word get() const noexcept { return word_.load(std::memory_order_relaxed); }

 private:
  void note_running_task() noexcept;

  std::atomic<holder_word> word_{0};
};

}  // namespace detail
}  // namespace gyre
