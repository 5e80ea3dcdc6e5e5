// SPDX-License-Identifier: BSL-1.0
#pragma once
// What happened last in a simulation, in words, for the report of a failure.  Layer: testing.  Bodies: recorder.cpp
#include <gyre/core/trace.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace gyre::testing {

/// Keeps the last lines. Off, it costs a branch an event.
class recorder {
 public:
  void switch_on() noexcept { on_ = true; }
  [[nodiscard]] bool on() const noexcept { return on_; }

  /// `time` is how far the clock has moved, in nanoseconds.
  void note(std::int64_t time, std::string what);
  void note(std::int64_t time, detail::trace_event event, detail::task_core& t);

  /// One line an event, the oldest first.
  [[nodiscard]] std::string text() const;

 private:
  static constexpr std::size_t most_lines = 60;

  std::deque<std::string> lines_;
  std::size_t dropped_ = 0;
  bool on_ = false;
};

}  // namespace gyre::testing
