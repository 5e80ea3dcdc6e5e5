// SPDX-License-Identifier: BSL-1.0
#pragma once
// The default executor of a runtime, or of a loop of its own.  Layer: loop.
#include <gyre/core/offload_executor.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace gyre::detail {

struct executor_slot {
  std::mutex guard;
  std::shared_ptr<offload_executor> executor;               // made at the first use
  std::vector<std::shared_ptr<offload_executor>> replaced;  // kept to the end: their last owner would wait for them
  bool closed = false;

  [[nodiscard]] bool in_use() {
    const std::lock_guard hold(guard);
    return executor != nullptr || !replaced.empty();
  }

  /// Whether some function has not ended yet, as far as the executors tell.
  [[nodiscard]] bool works() {
    std::vector<std::shared_ptr<offload_executor>> all;
    {
      const std::lock_guard hold(guard);
      all = replaced;
      if (executor != nullptr) all.push_back(executor);
    }
    for (const auto& each : all) {
      if (!each->unfinished().empty()) return true;
    }
    return false;
  }

  /// Takes no more work. Gives the executors to end: the default one, and those replaced ones that nobody else owns.
  [[nodiscard]] std::vector<std::shared_ptr<offload_executor>> close() {
    const std::lock_guard hold(guard);
    closed = true;
    std::vector<std::shared_ptr<offload_executor>> all;
    if (executor != nullptr) all.push_back(executor);
    for (const auto& each : replaced) {
      if (each.use_count() == 1) all.push_back(each);
    }
    return all;
  }
};

}  // namespace gyre::detail
