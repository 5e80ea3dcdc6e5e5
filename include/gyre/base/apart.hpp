// SPDX-License-Identifier: BSL-1.0
#pragma once
// Keeps the compiler from two things that cost more than they save.  Layer: base.

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

/// The address of what lives in a coroutine's frame, for a call that is rare.
///
/// clang computes the addresses of all parts of a frame that it ever passes to anybody each time the coroutine is resumed, in
/// registers that it has to save. This one it computes where it is asked for.
template <class T>
[[nodiscard]] [[gnu::always_inline]] inline T* rarely_needed(T* part) noexcept {
#if defined(__clang__) && defined(__x86_64__)
  T* here;
  asm("leaq %1, %0" : "=r"(here) : "m"(*reinterpret_cast<char*>(part)) : "memory");
  return here;
#else
  return part;
#endif
}

}  // namespace gyre::detail
