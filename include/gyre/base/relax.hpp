// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a thread does while it waits for another's next few instructions.  Layer: base.  Bodies: lib/base/relax.cpp

namespace gyre::detail {

/// Spins some rounds with the processor's pause hint, then gives the core away on each further round.
class backoff {
 public:
  void once() noexcept;

 private:
  int rounds_ = 0;
};

}  // namespace gyre::detail
