// SPDX-License-Identifier: BSL-1.0
#pragma once
// The I/O side of a simulated loop: an io_context that carries posted handlers, and functions for points of the virtual
// clock. It never waits and opens no descriptor.  Layer: testing.
#include "../loop/platform.hpp"

#include <boost/asio/io_context.hpp>
#include <gyre/base/clock.hpp>
#include <gyre/base/unique_function.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace gyre::testing {

/// What has operations under way here. They are dropped, unrun, when the loop goes.
class simulated_io_user {
 public:
  virtual void drop_operations() noexcept = 0;

 protected:
  ~simulated_io_user() = default;
};

/// Made by the first native_context() of a loop, gone with it. One thread.
class simulated_io {
 public:
  explicit simulated_io(detail::platform& surroundings);
  simulated_io(const simulated_io&) = delete;
  simulated_io& operator=(const simulated_io&) = delete;
  ~simulated_io();

  /// That of a simulated loop's io_context.   Throws: error if the context is another one.
  [[nodiscard]] static std::weak_ptr<simulated_io> of(boost::asio::execution_context& context);
  /// Makes `self` known to its io_context.
  static void announce(const std::shared_ptr<simulated_io>& self);

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }

  /// Runs `f` in a poll of the loop, once the clock shows `when`; those of one instant in the order of these calls.
  void at(std::int64_t when, unique_function<void()> f);
  void add_user(std::weak_ptr<simulated_io_user> user);

  /// When the loop has to poll at the latest; `never` if that is not known.
  [[nodiscard]] std::int64_t due() const noexcept;
  /// Runs the functions that are due, then handlers: all of them, or as few as the seed says. True if any ran.
  bool poll();
  /// Runs one handler that was posted to the io_context without the loop's knowledge.
  bool poll_posted();
  /// Throws:  error if somebody has made a socket, timer or signal set of Asio on the io_context.
  void refuse_real_io() const;

 private:
  struct event {
    std::int64_t when;
    std::uint64_t number;
    unique_function<void()> run;
  };
  static bool later(const event& a, const event& b) noexcept;

  detail::platform& surroundings_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open_{context_.get_executor()};
  std::vector<event> events_;  // a heap, the earliest on top
  std::vector<std::weak_ptr<simulated_io_user>> users_;
  std::uint64_t next_number_ = 0;
  std::size_t users_swept_ = 16;
  bool more_posted_ = false;  // the last poll left handlers in the io_context
  bool ending_ = false;
};

}  // namespace gyre::testing
