// SPDX-License-Identifier: BSL-1.0
#pragma once
// Ties threads to cores, and undoes it.  Layer: runtime.  Bodies: lib/runtime/cores.cpp
#include <gyre/runtime/cores.hpp>

#include <sched.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>

namespace gyre::detail {

/// Ties the thread that made it to one core, until it is destroyed.
///
/// A thread inherits the mask of the one that starts it: whoever starts threads from a loop hands them its inherited_mask.
/// Thread:  the destructor: any, while that thread lives.
class core_tie {
 public:
  /// The core number `index`, counted round among those that the thread may use. Failing is no error.
  explicit core_tie(std::size_t index) noexcept;
  core_tie(const core_tie&) = delete;
  core_tie& operator=(const core_tie&) = delete;
  ~core_tie();

 private:
  pid_t thread_;
  std::optional<cpu_set_t> before_;
};

/// The cores of a thread that is about to be started: those that this one had before it was tied.
class inherited_mask {
 public:
  inherited_mask() noexcept;
  /// In the fresh thread, first.
  void apply() const noexcept;

 private:
  std::optional<cpu_set_t> mask_;  // empty: what it inherits is right
};

}  // namespace gyre::detail
