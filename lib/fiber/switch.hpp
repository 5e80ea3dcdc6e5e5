// SPDX-License-Identifier: BSL-1.0
#pragma once
// Switching between a thread's stack and a fiber's: Boost.Context's jump, the exception state, the sanitizers.
// Layer: fiber.  Bodies: switch.cpp; enter() and leave() are here, because each return after a jump is mispredicted.
#include "sanitizers.hpp"

#include <cxxabi.h>
#include <boost/context/detail/fcontext.hpp>

#include <cstddef>
#include <utility>

namespace gyre::detail {

/// What the C++ runtime keeps for each thread: the exceptions that are being handled, and the count of those in flight.
/// The layout is the Itanium ABI's (__cxa_eh_globals).
struct exception_state {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

/// The switch of one fiber.
///
/// Who enters does all that concerns the thread: a fiber leaves on the thread on which it was entered, so both halves
/// of enter() are on one thread. The fiber's side may continue on another thread after leave(): it touches nothing of a
/// thread.
class stack_switch {
 public:
  using function = void (*)(void* argument) noexcept;

  /// The first enter() is to call f(argument) on the stack [low, low + size).
  void prepare(std::byte* low, std::size_t size, function f, void* argument) noexcept;

  /// Runs the fiber until it leaves or ends.
  void enter() noexcept;
  /// In the fiber: goes back to who entered. Returns when it is entered again.
  void leave() noexcept;

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// The fiber has ended, or will never be entered again.
  void forget() noexcept;

 private:
  static void begin(boost::context::detail::transfer_t from) noexcept;
  [[noreturn]] void run() noexcept;

  boost::context::detail::fcontext_t fiber_ = nullptr;    // where the fiber goes on
  boost::context::detail::fcontext_t enterer_ = nullptr;  // where enter() goes on
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

inline void stack_switch::enter() noexcept {
  // Boost.Context's own fiber class does this from 1.88 on; the bare jump, which is used here, never does.
  auto& of_thread = *reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
  std::swap(of_thread, exceptions_);
  tsan_enterer_ = tsan_running_fiber();
  void* kept = nullptr;
  asan_leave(&kept, low_, size_);
  tsan_switch_to(tsan_fiber_);
  fiber_ = boost::context::detail::jump_fcontext(fiber_, this).fctx;
  asan_arrive(kept, nullptr, nullptr);
  std::swap(of_thread, exceptions_);
}

inline void stack_switch::leave() noexcept {
  void* kept = nullptr;
  asan_leave(&kept, enterer_low_, enterer_size_);
  tsan_switch_to(tsan_enterer_);
  enterer_ = boost::context::detail::jump_fcontext(enterer_, nullptr).fctx;
  asan_arrive(kept, &enterer_low_, &enterer_size_);  // another thread's stack, maybe
}

}  // namespace gyre::detail
