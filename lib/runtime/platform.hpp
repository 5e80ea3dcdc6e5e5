// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a runtime takes from its surroundings: clock, sleep, threads, offload. The simulation replaces them all.
// Layer: runtime.
#include "../loop/loop_core.hpp"

#include <cstdint>
#include <memory>

namespace gyre {
class offload_executor;
}

namespace gyre::detail {

/// A surrounding that runs all loops of a runtime on one thread. Null means: the real clock, reactors, threads.
class platform {
 public:
  [[nodiscard]] virtual time_source& clock() = 0;
  /// The sleeping place of loop `index`.
  [[nodiscard]] virtual parker& sleeper(unsigned index) = 0;
  [[nodiscard]] virtual loop_driver& driver() = 0;
  /// The loops are made; they live until forget() is called for each.
  virtual void adopt(loop_core& l) = 0;
  virtual void forget(loop_core& l) noexcept = 0;
  /// Seeds the order in which thieves look for victims.
  [[nodiscard]] virtual std::uint64_t seed() = 0;
  [[nodiscard]] virtual std::shared_ptr<offload_executor> make_executor() = 0;

 protected:
  ~platform() = default;
};

/// The surrounding that runtimes made on this thread get; null for the real one.
[[nodiscard]] platform*& current_platform() noexcept;

}  // namespace gyre::detail
