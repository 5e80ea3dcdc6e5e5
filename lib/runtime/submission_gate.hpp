// SPDX-License-Identifier: BSL-1.0
#pragma once
// The bound on coroutines from outside that have not ended.  Layer: runtime.  Bodies: lib/runtime/submission_gate.cpp
#include "blocking.hpp"

#include <gyre/core/task_record.hpp>
#include <gyre/runtime/overflow.hpp>

#include <cstddef>
#include <span>

namespace gyre::detail {

/// Thread:  any, for every member.
class submission_gate {
 public:
  submission_gate(std::size_t bound, submission_overflow overflow) noexcept : permits_(bound), overflow_(overflow) {}
  submission_gate(const submission_gate&) = delete;
  submission_gate& operator=(const submission_gate&) = delete;

  /// Takes permits for up to `wanted` submissions: waits until there is one, or, where the caller may not wait, takes all or
  /// none.   Throws: queue_full; loop_closed after close().
  [[nodiscard]] std::size_t enter(std::size_t wanted);
  void leave(std::size_t permits) noexcept { permits_.give_back(permits); }
  /// Refuses all from now on, and those that wait.
  void close() noexcept { permits_.close(); }

  /// Has the end of each task, which has not begun, give one permit back, whichever end that is.
  /// Throws:  std::bad_alloc; then the permits of all are given back when the tasks go.
  void tie_to(std::span<own_task* const> tasks);
  void tie_to(future_core& task);

 private:
  class permit;
  void tie_one(future_core& task);

  basic_places<> permits_;
  const submission_overflow overflow_;
};

}  // namespace gyre::detail
