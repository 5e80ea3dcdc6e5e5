// SPDX-License-Identifier: BSL-1.0
#include "platform.hpp"

namespace gyre::detail {

platform*& current_platform() noexcept {
  constinit static thread_local platform* current = nullptr;
  return current;
}

}  // namespace gyre::detail
