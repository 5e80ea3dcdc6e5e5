// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/current.hpp>

namespace gyre::detail {
namespace {

constinit thread_local thread_state state{};

}  // namespace

thread_state& this_thread() noexcept {
  // Keeps the compiler from treating the function as const and merging two calls around a suspension.
  asm volatile("" ::: "memory");
  return state;
}

}  // namespace gyre::detail
