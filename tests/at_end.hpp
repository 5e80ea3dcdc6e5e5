// SPDX-License-Identifier: BSL-1.0
#pragma once
// What happens when an object goes: in the destructors that a closing loop or the end of a task runs.
#include <functional>
#include <utility>

namespace gyre_test {

/// Calls a function when it goes.
struct at_end {
  explicit at_end(std::function<void()> f) : call(std::move(f)) {}
  at_end(const at_end&) = delete;
  at_end& operator=(const at_end&) = delete;
  ~at_end() { call(); }
  std::function<void()> call;
};

}  // namespace gyre_test
