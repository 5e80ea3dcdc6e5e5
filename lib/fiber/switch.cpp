// SPDX-License-Identifier: BSL-1.0
#include "sanitizers.hpp"
#include "switch.hpp"

#include <boost/context/detail/fcontext.hpp>
#include <cxxabi.h>

#include <cstdlib>
#include <utility>

namespace gyre::detail {

namespace context = boost::context::detail;

namespace {

// Boost.Context's own fiber class does this from 1.88 on; the bare jump, which is used here, never does.
GYRE_NOINLINE void exchange_exception_state(exception_state& other) noexcept {
  std::swap(*reinterpret_cast<exception_state*>(abi::__cxa_get_globals()), other);
}

}  // namespace

struct stack_switch::entry {
  static void begin(context::transfer_t from) noexcept {
    auto& self = *static_cast<stack_switch*>(from.data);
    self.enterer_ = from.fctx;
    self.run();
  }
};

void stack_switch::prepare(std::byte* low, std::size_t size, function f, void* argument) noexcept {
  low_ = low;
  size_ = size;
  function_ = f;
  argument_ = argument;
  exceptions_ = exception_state();
  ended_ = false;
  fiber_ = context::make_fcontext(low + size, size, &entry::begin);
  tsan_fiber_ = tsan_new_fiber();
}

void stack_switch::enter() noexcept {
  exchange_exception_state(exceptions_);
  tsan_enterer_ = tsan_running_fiber();
  void* kept = nullptr;
  asan_leave(&kept, low_, size_);
  tsan_switch_to(tsan_fiber_);
  fiber_ = context::jump_fcontext(fiber_, this).fctx;
  asan_arrive(kept, nullptr, nullptr);
  exchange_exception_state(exceptions_);
}

void stack_switch::leave() noexcept {
  void* kept = nullptr;
  asan_leave(&kept, enterer_low_, enterer_size_);
  tsan_switch_to(tsan_enterer_);
  enterer_ = context::jump_fcontext(enterer_, nullptr).fctx;
  asan_arrive(kept, &enterer_low_, &enterer_size_);  // another thread's stack, maybe
}

void stack_switch::run() noexcept {
  asan_arrive(nullptr, &enterer_low_, &enterer_size_);
  function_(argument_);
  ended_ = true;
  asan_leave(nullptr, enterer_low_, enterer_size_);
  tsan_switch_to(tsan_enterer_);
  context::jump_fcontext(enterer_, nullptr);
  std::abort();  // nobody enters a fiber that has ended
}

void stack_switch::forget() noexcept {
  if (tsan_fiber_ != nullptr) tsan_delete_fiber(std::exchange(tsan_fiber_, nullptr));
}

}  // namespace gyre::detail
