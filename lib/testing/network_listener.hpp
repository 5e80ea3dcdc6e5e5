// SPDX-License-Identifier: BSL-1.0
#pragma once
// A listening address: connections that wait to be accepted, and accepts that wait for connections.  Layer: testing.
// Bodies: lib/testing/network_listener.cpp
#include "network_core.hpp"

#include <deque>
#include <memory>

namespace gyre::detail {

class network_listener final : public std::enable_shared_from_this<network_listener>,
                               public testing::simulated_io_user {
 public:
  explicit network_listener(std::shared_ptr<network_core> core) : core_(std::move(core)) {}
  network_listener(const network_listener&) = delete;
  network_listener& operator=(const network_listener&) = delete;
  ~network_listener();

  /// Throws a system_error: address_in_use, no_descriptors.
  void listen(testing::network_address at, const boost::asio::any_io_executor& executor);
  void accept(std::unique_ptr<network_op> op);
  /// A connection, made by a connect.
  void arrive(std::shared_ptr<network_endpoint> end);
  void cancel(std::uint64_t id);
  void cancel_all();
  void close() noexcept;
  void drop_operations() noexcept override;

  [[nodiscard]] bool is_open() const noexcept { return open_; }
  [[nodiscard]] const testing::network_address& address() const noexcept { return address_; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
  [[nodiscard]] network_core& core() const noexcept { return *core_; }

 private:
  void look();
  void look_now();
  void end(std::unique_ptr<network_op> op, boost::system::error_code error, std::int64_t when);

  std::shared_ptr<network_core> core_;
  testing::network_address address_;
  boost::asio::any_io_executor executor_;
  std::weak_ptr<testing::simulated_io> io_;
  bool open_ = false;
  std::uint64_t number_ = 0;
  std::deque<std::shared_ptr<network_endpoint>> queue_;
  std::deque<std::unique_ptr<network_op>> accepts_;
};

}  // namespace gyre::detail
