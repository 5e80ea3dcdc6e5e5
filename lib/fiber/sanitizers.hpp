// SPDX-License-Identifier: BSL-1.0
#pragma once
// What AddressSanitizer and ThreadSanitizer must be told about a switch of stacks.  Layer: fiber.
#include <gyre/base/config.hpp>

#include <cstddef>

#if defined(__SANITIZE_THREAD__)
#define GYRE_FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GYRE_FIBER_TSAN 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#define GYRE_FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GYRE_FIBER_ASAN 1
#endif
#endif

#if defined(GYRE_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if defined(GYRE_FIBER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace gyre::detail {

#if defined(GYRE_FIBER_TSAN)
[[nodiscard]] inline void* tsan_new_fiber() noexcept { return __tsan_create_fiber(0); }
[[nodiscard]] inline void* tsan_running_fiber() noexcept { return __tsan_get_current_fiber(); }
inline void tsan_delete_fiber(void* fiber) noexcept { __tsan_destroy_fiber(fiber); }
/// Right before the jump: what comes after belongs to `fiber`.
// Never a function of its own: its begin would be noted on one stack and its end on the other.
[[gnu::always_inline]] inline void tsan_switch_to(void* fiber) noexcept { __tsan_switch_to_fiber(fiber, 0); }
#else
[[nodiscard]] inline void* tsan_new_fiber() noexcept { return nullptr; }
[[nodiscard]] inline void* tsan_running_fiber() noexcept { return nullptr; }
inline void tsan_delete_fiber(void*) noexcept {}
inline void tsan_switch_to(void*) noexcept {}
#endif

#if defined(GYRE_FIBER_ASAN)
/// Before the jump to the stack [low, low + size). A null `kept` says that this stack is left for good.
inline void asan_leave(void** kept, const void* low, std::size_t size) noexcept {
  __sanitizer_start_switch_fiber(kept, low, size);
}
/// After the jump, on the stack that was entered; tells which one was left.
inline void asan_arrive(void* kept, const void** low, std::size_t* size) noexcept {
  __sanitizer_finish_switch_fiber(kept, low, size);
}
/// The stack will be used by another function: what the frames on it had forbidden is allowed again.
inline void asan_forget(const void* low, std::size_t size) noexcept { __asan_unpoison_memory_region(low, size); }
#else
inline void asan_leave(void**, const void*, std::size_t) noexcept {}
inline void asan_arrive(void*, const void**, std::size_t*) noexcept {}
inline void asan_forget(const void*, std::size_t) noexcept {}
#endif

}  // namespace gyre::detail
