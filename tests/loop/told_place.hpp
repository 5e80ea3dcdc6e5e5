// SPDX-License-Identifier: BSL-1.0
#pragma once
// A clock that only goes as told, and a sleeping place without a kernel: for tests that play a loop's surroundings.
#include <gyre/loop/event_loop.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <loop/platform.hpp>

namespace gyre_test {

class told_place : public gyre::time_source, public gyre::detail::parker {
 public:
  std::int64_t time = 1'000'000'000;
  bool io = false;

  // time_source
  [[nodiscard]] std::int64_t now() const noexcept override { return time; }
  [[nodiscard]] std::int64_t roughly_now() const noexcept override { return time; }
  // parker
  void wait(std::int64_t deadline) override {
    if (deadline != gyre::detail::never) time = std::max(time, deadline);
  }
  bool wake() noexcept override { return true; }
  void wake_at(std::int64_t) noexcept override {}
  [[nodiscard]] bool has_io() const noexcept override { return io; }
  [[nodiscard]] boost::asio::io_context& lend_context(bool&) override { std::terminate(); }
};

}  // namespace gyre_test
