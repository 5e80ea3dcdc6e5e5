// SPDX-License-Identifier: BSL-1.0
#include "switch.hpp"

#include <cstdlib>

namespace gyre::detail {

namespace context = boost::context::detail;

void stack_switch::prepare(std::byte* low, std::size_t size, function f, void* argument) noexcept {
  low_ = low;
  size_ = size;
  function_ = f;
  argument_ = argument;
  exceptions_ = exception_state();
  ended_ = false;
  fiber_ = context::make_fcontext(low + size, size, &begin);
  tsan_fiber_ = tsan_new_fiber();
}

void stack_switch::begin(context::transfer_t from) noexcept {
  auto& self = *static_cast<stack_switch*>(from.data);
  self.enterer_ = from.fctx;
  self.run();
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
