// SPDX-License-Identifier: BSL-1.0
#pragma once
// One simulated run of an exploration and how it ended.  Layer: testing.  Bodies: explore.cpp, shrink.cpp
#include "replay.hpp"

#include <gyre/testing/explore.hpp>

#include <cstdint>
#include <exception>
#include <string>
#include <typeinfo>
#include <vector>

namespace gyre::testing {

struct attempt {
  std::exception_ptr error;              // null: it passed
  const std::type_info* type = nullptr;  // of the error
  std::vector<std::uint64_t> decisions;  // those that were not the dullest
  std::string story;                     // the last events
  int loops = 0;

  [[nodiscard]] bool failed() const noexcept { return error != nullptr; }
  [[nodiscard]] bool fails_like(const attempt& other) const noexcept {
    return failed() && other.failed() && type != nullptr && other.type != nullptr && *type == *other.type;
  }
};

[[nodiscard]] attempt try_once(simulated_program& program, const sim_options& options, const replay& run);

/// A run that fails like `failure` with fewer loops, then with as few decisions as some hundred runs can find.
[[nodiscard]] replay shrink(simulated_program& program, const sim_options& options, const replay& run,
                            const attempt& failure);

}  // namespace gyre::testing
