// SPDX-License-Identifier: BSL-1.0
#include <gyre/flow/staggered.hpp>

#include <mutex>

namespace gyre::detail {

stagger_base::stagger_base(std::size_t count, std::optional<std::chrono::nanoseconds> delay)
    : delay_(delay), failed_(new event[count]), tasks_(count), exceptions_(count) {}

coro<> stagger_base::turn_after(std::size_t i) {
  try {
    co_await wait_for(failed_[i].wait(), delay_);
  } catch (const timeout_error&) {  // its turn has come all the same
  }
}

bool stagger_base::begin(std::size_t i) {
  const std::lock_guard hold(guard_);
  if (won_) return false;
  started_ = i + 1;
  return true;
}

void stagger_base::add(std::size_t i, task<> t) {
  {
    const std::lock_guard hold(guard_);
    if (!won_) {
      tasks_[i] = std::move(t);
      return;
    }
  }
  t.cancel();
}

void stagger_base::lose(std::size_t i, std::exception_ptr error) noexcept {
  {
    const std::lock_guard hold(guard_);
    exceptions_[i] = std::move(error);
  }
  failed_[i].set();
}

bool stagger_base::win(std::size_t i) {
  {
    const std::lock_guard hold(guard_);
    if (won_) return false;
    won_ = true;
  }
  // From here on nothing writes the list: add() cancels by itself what comes late.
  for (std::size_t other = 0; other < tasks_.size(); ++other) {
    if (other != i && tasks_[other]) tasks_[other].cancel();
  }
  return true;
}

std::vector<std::exception_ptr> stagger_base::take_exceptions() noexcept {
  exceptions_.resize(started_);
  return std::move(exceptions_);
}

}  // namespace gyre::detail
