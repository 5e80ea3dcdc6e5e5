// SPDX-License-Identifier: BSL-1.0
#pragma once
// A loop's reactor: one io_context, its doorbell and its alarm.  Layer: loop.
#include "doorbell.hpp"
#include "parker.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <gyre/base/clock.hpp>
#include <gyre/base/spin_lock.hpp>

#include <array>
#include <atomic>
#include <cstddef>

namespace gyre::detail {

/// Parks a loop in Boost.Asio and runs completions. No user code runs inside: handlers only queue.
///
///   lock_    held by whoever is inside the io_context: the owner while it polls or parks, another worker that stands in
///            for a stuck owner. Asio cancellation is emitted by its holder only.
///   bell_    its one entry in flight is in bell_memory_.
///   alarm    one timerfd: the earliest of the loop's deadline and what another worker asked for by wake_at().
class reactor final : public parker {
 public:
  reactor();
  ~reactor() override;

  void wait(std::int64_t deadline) override;
  bool wake() noexcept override;
  void wake_at(std::int64_t deadline) noexcept override;
  bool poll() override;
  [[nodiscard]] bool has_io() const noexcept override {
    return operations.load(std::memory_order_relaxed) != 0 || native_use_.load(std::memory_order_relaxed);
  }

  [[nodiscard]] boost::asio::io_context& lend_context(bool& first) override {
    first = !native_use_.exchange(true, std::memory_order_relaxed);  // only who is first matters
    return context_;
  }
  /// Whether somebody has the io_context itself.
  [[nodiscard]] bool is_lent() const noexcept { return native_use_.load(std::memory_order_relaxed); }
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }

  /// Waits until nobody else is inside the io_context. The owner's thread only: it is not inside itself.
  void enter() noexcept { lock_.lock(); }

  void leave() noexcept { lock_.unlock(); }

  std::atomic<std::uint32_t> operations{0};  // gyre's own operations in flight: run() listens for SIGINT

 private:
  struct bell_entry;
  void listen_to_alarm();
  void set_alarm(std::int64_t deadline) noexcept;

  std::atomic<bool> native_use_{false};  // somebody has the io_context itself: always worth a poll
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open_{context_.get_executor()};
  boost::asio::posix::stream_descriptor alarm_{context_};
  std::int64_t alarm_at_ = never;  // what the timerfd is set to; under alarm_lock_
  spin_lock alarm_lock_;
  spin_lock lock_;
  doorbell bell_;
  alignas(std::max_align_t) std::array<std::byte, 128> bell_memory_;
};

}  // namespace gyre::detail
