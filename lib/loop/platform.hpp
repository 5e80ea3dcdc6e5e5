// SPDX-License-Identifier: BSL-1.0
#pragma once
// What loops take from their surroundings: clock, sleep, threads, offload. The simulation replaces them all.  Layer: loop.
#include "loop_core.hpp"

#include <cstdint>
#include <memory>

namespace gyre::detail {

/// A surrounding that runs all loops on one thread. Null means: the real clock, reactors, threads.
class platform {
 public:
  /// Sets the clock, a new sleeping place and the driver of a loop that is about to be made.
  virtual void equip(loop_setup& setup) = 0;
  /// The loop is made; it lives until forget().
  virtual void adopt(loop_core& l) = 0;
  virtual void forget(loop_core& l) noexcept = 0;
  /// Seeds the order in which thieves look for victims.
  [[nodiscard]] virtual std::uint64_t seed() = 0;
  [[nodiscard]] virtual std::shared_ptr<offload_executor> make_executor() = 0;

  /// A choice of something that is simulated beside the loops: a number in [0, n), 0 for the dullest way on.
  [[nodiscard]] virtual std::uint64_t choose(std::uint64_t n) = 0;
  /// Something happened that the trace is to tell of.
  virtual void note(std::uint64_t what) noexcept = 0;
  [[nodiscard]] virtual const time_source& clock() const noexcept = 0;

 protected:
  ~platform() = default;
};

/// The surrounding that loops made on this thread get; null for the real one.
[[nodiscard]] platform*& current_platform() noexcept;

}  // namespace gyre::detail
