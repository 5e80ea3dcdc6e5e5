// SPDX-License-Identifier: BSL-1.0
#include "bed.hpp"

#include <cstddef>
#include <functional>
#include <utility>

namespace gyre::testing {
namespace {

constexpr std::size_t stack_size = std::size_t{1} << 20U;  // address space; a turn uses a few pages of it

}  // namespace

bed::bed(detail::platform& surroundings, bool interruptible) : surroundings_(surroundings) {
  if (interruptible) stack_ = &detail::fiber_stack::take(detail::usable_stack_size(stack_size));
}

// Its last step has ended: the stack holds nothing but the loop of take_stages().
bed::~bed() {
  if (stack_ != nullptr) detail::fiber_stack::give(*stack_);
}

template <class F>
void bed::as_loop(F&& f) {
  const detail::thread_state before = std::exchange(detail::this_thread(), loop_->own_thread_state());
  f();
  detail::this_thread() = before;
}

void bed::get_up() {
  stage_ = stage::awake;
  woken_ = false;
  alarm_ = detail::never;
  as_loop([this] { loop_->get_up(); });
}

boost::asio::io_context& bed::lend_context(bool& first) {
  first = io_ == nullptr;
  if (first) {
    io_ = std::make_shared<simulated_io>(surroundings_);
    simulated_io::announce(io_);
  }
  io_->refuse_real_io();
  return io_->context();
}

bool bed::finds_posted() {
  if (io_ == nullptr) return false;
  io_->refuse_real_io();
  bool found = false;
  as_loop([&] { found = io_->poll_posted(); });
  if (found) get_up();
  return found;
}

void bed::poll_early() {
  as_loop([this] { io_->poll(); });
}

void bed::go_on(int most_steps) {
  if (stage_ == stage::awake && !interrupted_) loop_->setup().steps_a_turn = most_steps;
  if (stack_ == nullptr) {
    as_loop([this] { take_stage(); });
    return;
  }
  if (!interrupted_) outside_ = loop_->own_thread_state();
  if (!std::exchange(begun_, true)) {
    stack_->control.prepare(stack_->low(), stack_->usable(), &take_stages, this);
  }
  interrupted_ = false;
  std::swap(outside_, detail::this_thread());
  stack_->control.enter();
  std::swap(outside_, detail::this_thread());
}

void bed::take_stages(void* self) noexcept {
  auto& b = *static_cast<bed*>(self);
  for (;;) {
    b.take_stage();
    b.stack_->control.leave();
  }
}

void bed::take_stage() {
  if (stage_ == stage::awake) {
    stage_ = loop_->turn() ? stage::awake : stage::drowsy;
    return;
  }
  woken_ = false;
  std::int64_t deadline = detail::never;
  stage_ = loop_->prepare_park(deadline) ? stage::asleep : stage::awake;
  if (stage_ == stage::asleep) alarm_ = std::min(alarm_, deadline);
}

void bed::interrupt() noexcept {
  interrupted_ = true;
  stack_->control.leave();
}

bool bed::owns_stack(const void* frame) const noexcept {
  if (stack_ == nullptr) return false;
  const auto* const at = static_cast<const std::byte*>(frame);
  const std::byte* const low = stack_->low();
  return !std::less<>()(at, low) && std::less<>()(at, low + stack_->usable());
}

}  // namespace gyre::testing
