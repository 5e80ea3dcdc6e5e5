// SPDX-License-Identifier: BSL-1.0
#pragma once
// The default executor of a runtime, or of a loop of its own.  Layer: loop.
#include <gyre/core/offload_executor.hpp>

#include <memory>
#include <mutex>

namespace gyre::detail {

struct executor_slot {
  std::mutex guard;
  std::shared_ptr<offload_executor> executor;  // made at the first use
  bool closed = false;
};

}  // namespace gyre::detail
