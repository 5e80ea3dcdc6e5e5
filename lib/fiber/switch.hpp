// SPDX-License-Identifier: BSL-1.0
#pragma once
// Switching between a thread's stack and a fiber's: Boost.Context's jump, the exception state, the sanitizers.
// Layer: fiber.
#include <gyre/base/config.hpp>

#include <cstddef>

namespace gyre::detail {

/// What the C++ runtime keeps for each thread: the exceptions that are being handled, and the count of those in flight.
/// The layout is the Itanium ABI's (__cxa_eh_globals).
struct exception_state {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

/// The switch of one fiber.
///
/// Who enters does all that concerns the thread: a fiber leaves on the thread on which it was entered, so both halves of
/// enter() are on one thread. The fiber's side may continue on another thread after leave(); it touches nothing of a thread.
class stack_switch {
 public:
  using function = void (*)(void* argument) noexcept;

  /// The first enter() is to call f(argument) on the stack [low, low + size).
  void prepare(std::byte* low, std::size_t size, function f, void* argument) noexcept;

  /// Runs the fiber until it leaves or ends.
  GYRE_NOINLINE void enter() noexcept;
  /// In the fiber: goes back to who entered. Returns when it is entered again.
  GYRE_NOINLINE void leave() noexcept;

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// The fiber has ended, or will never be entered again.
  void forget() noexcept;

 private:
  struct entry;
  [[noreturn]] void run() noexcept;

  void* fiber_ = nullptr;    // where the fiber goes on
  void* enterer_ = nullptr;  // where enter() goes on
  function function_ = nullptr;
  void* argument_ = nullptr;
  std::byte* low_ = nullptr;
  std::size_t size_ = 0;
  exception_state exceptions_;  // the fiber's while it is not entered, the thread's while it is
  bool ended_ = false;

  // For the sanitizers.
  void* tsan_fiber_ = nullptr;
  void* tsan_enterer_ = nullptr;
  const void* enterer_low_ = nullptr;
  std::size_t enterer_size_ = 0;
};

}  // namespace gyre::detail
