// SPDX-License-Identifier: BSL-1.0
#pragma once
// Facts about the compiler and the sanitizers, as constants that code can test.  Layer: base.
#include <cstddef>

#if defined(__GNUC__)
#define GYRE_NOINLINE __attribute__((noinline))
#else
#define GYRE_NOINLINE
#endif

// Of a function that an inline one calls where something is rare: the caller then saves nothing on its account. A calling
// convention of clang's. So that the objects of another compiler do not share such a function, it is a template over `calls`.
// It must not throw: the unwinder does not restore the registers that the caller left where they were.
#if defined(__clang__) && (defined(__x86_64__) || defined(__aarch64__))
#define GYRE_RARELY_CALLED [[clang::preserve_most]] __attribute__((noinline))
#else
#define GYRE_RARELY_CALLED GYRE_NOINLINE
#endif

// Attributes of a class that consists of one pointer and has a destructor. clang can pass it in a register, and then an
// object that nobody took the address of costs no memory in a coroutine's frame. g++ cannot: the tag keeps functions with such
// arguments or results, which the two call in different ways, from being linked to each other's callers.
#if defined(__clang__)
#define GYRE_IN_REGISTER [[clang::trivial_abi, gnu::abi_tag("in_register")]]
#else
#define GYRE_IN_REGISTER
#endif

namespace gyre::detail {

enum class calls : bool { plain, preserving };
#if defined(__clang__) && (defined(__x86_64__) || defined(__aarch64__))
inline constexpr calls rare_calls = calls::preserving;
#else
inline constexpr calls rare_calls = calls::plain;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool address_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool address_sanitized = true;
#else
inline constexpr bool address_sanitized = false;
#endif
#else
inline constexpr bool address_sanitized = false;
#endif

// True where `return other_coroutine;` from await_suspend is certain to be a tail call. g++ 12 makes it one only with
// -foptimize-sibling-calls (which the build target carries) and never under its own ASan or TSan; clang always does.
#if defined(__clang__)
inline constexpr bool symmetric_transfer = true;
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool symmetric_transfer = false;
#elif defined(GYRE_SIBLING_CALLS) && !GYRE_SIBLING_CALLS
inline constexpr bool symmetric_transfer = false;
#else
inline constexpr bool symmetric_transfer = true;
#endif

// True where an awaiter that await_transform returns by reference is used in its place. g++ 12 copies it.
#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 13)
inline constexpr bool awaits_references = true;
#else
inline constexpr bool awaits_references = false;
#endif

/// Size that keeps two atomics from sharing a cache line. A constant, so that the layout does not follow compiler flags.
inline constexpr std::size_t cache_line = 64;

}  // namespace gyre::detail
