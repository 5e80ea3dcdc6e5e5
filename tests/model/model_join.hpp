// SPDX-License-Identifier: BSL-1.0
#pragma once
// The block of a fork-join for the models: how outsiders hold it is shipped, its memory is the model's. Include it after the
// headers under test.
#include <gyre/core/join_protocol.hpp>

#include "model_policy.hpp"

namespace gyre_model {

/// In stable memory: it is used again, and its count of pins stays what it is.
struct block : gyre::detail::basic_join<block, model_policy> {
  model_atomic<std::uint32_t> pins_{0};
  model_var<int> content{0};      // 0: free
  model_atomic<int> trace{0};     // what an outsider left in it
  model_atomic<bool> free{true};  // what the pool's lists do: the next user comes after the last one

  model_atomic<std::uint32_t>& pins() { return pins_; }
  [[nodiscard]] bool is_free() const { return free.load(std::memory_order_acquire); }
  void fill() {
    free.store(false, std::memory_order_relaxed);
    content = 1;
  }
  void free_now() {
    RL_ASSERT(!is_free() && content != 0);
    trace.store(0, std::memory_order_relaxed);  // made anew
    content = 0;
    free.store(true, std::memory_order_release);
  }
  /// As it is.
  void recycle() {
    RL_ASSERT(trace.load(std::memory_order_relaxed) == 0);
    free_now();
  }
};

}  // namespace gyre_model
