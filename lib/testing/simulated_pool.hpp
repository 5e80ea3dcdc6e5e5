// SPDX-License-Identifier: BSL-1.0
#pragma once
// Functions given to to_thread in a simulation: they run between turns, when the seed says so.  Layer: testing.
#include <gyre/core/current.hpp>
#include <gyre/core/error.hpp>
#include <gyre/core/offload_executor.hpp>

#include <cstdint>
#include <deque>
#include <utility>

namespace gyre::testing {

class simulated_pool final : public offload_executor {
 public:
  void execute(offload_work work) override {
    if (closed_) throw error("cannot schedule new futures after shutdown");
    waiting_.push_back(entry{std::move(work), 0});
  }
  bool shutdown(std::chrono::steady_clock::time_point) override {
    closed_ = true;
    while (!waiting_.empty()) run(0);
    return true;
  }

  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
  /// When function i has ended its work at the earliest.
  [[nodiscard]] std::int64_t not_before(std::size_t i) const noexcept { return waiting_[i].not_before; }
  void delay(std::size_t i, std::int64_t until) noexcept { waiting_[i].not_before = until; }

  void run(std::size_t i) {
    offload_work work = std::move(waiting_[i].work);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    const detail::thread_state before = std::exchange(detail::this_thread(), detail::thread_state());
    work();
    detail::this_thread() = before;
  }

 private:
  struct entry {
    offload_work work;
    std::int64_t not_before;
  };
  std::deque<entry> waiting_;
  bool closed_ = false;
};

}  // namespace gyre::testing
