// SPDX-License-Identifier: BSL-1.0
#pragma once
// Keeps the compiler from making one wide access out of narrow ones.  Layer: base.

namespace gyre::detail {

/// The pointer, from where the compiler does not know.
///
/// What was stored in two halves a moment ago must not be loaded as one vector: the processor forwards a store only to a
/// load that it covers, and lets the other wait until both have reached the cache, for a dozen cycles.
template <class T>
[[nodiscard]] inline T* apart(T* p) noexcept {
  asm("" : "+r"(p));
  return p;
}

}  // namespace gyre::detail
