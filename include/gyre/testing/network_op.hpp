// SPDX-License-Identifier: BSL-1.0
#pragma once
// An operation of a virtual stream or acceptor that is under way: its handler, and what that is to get.  Layer: testing.
// Bodies: lib/testing/network_endpoint.cpp, network_listener.cpp
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/system/error_code.hpp>
#include <gyre/testing/network_address.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace gyre::testing {
class network_stream;
class network_acceptor;
}  // namespace gyre::testing

namespace gyre::detail {

class network_endpoint;
class network_listener;

/// Made by the initiation, owned by the network until it has ended, then by a handler that the stream's executor runs.
class network_op {
 public:
  network_op() = default;
  network_op(const network_op&) = delete;
  network_op& operator=(const network_op&) = delete;
  virtual ~network_op() = default;

  /// Calls the handler, where it wants to be called. Inside the stream's executor.
  virtual void run(std::unique_ptr<network_op> self) = 0;

  std::uint64_t id = 0;
  boost::system::error_code error;
  std::size_t bytes = 0;
  std::shared_ptr<network_endpoint> accepted;
  boost::asio::any_io_executor accept_on;  // of the stream that an accept is to make
};

/// `Result::call(handler, op)` calls the handler.
template <class Result, class Handler>
class network_op_of final : public network_op {
 public:
  template <class Given>
  network_op_of(Given&& h, const boost::asio::any_io_executor& io)
      : slot_(boost::asio::get_associated_cancellation_slot(h)),
        work_(boost::asio::get_associated_executor(h, io)),
        handler_(std::forward<Given>(h)) {}

  void run(std::unique_ptr<network_op> self) override {
    if (slot_.is_connected()) slot_.clear();
    auto work = std::move(work_);
    boost::asio::dispatch(work.get_executor(), [handler = std::move(handler_), op = std::move(self)]() mutable {
      // The operation's memory is free again when the handler runs, as Asio promises.
      Handler last = std::move(handler);
      network_result result(*op);
      op.reset();
      Result::call(std::move(last), std::move(result));
    });
  }

 private:
  struct network_result {
    explicit network_result(network_op& op) : error(op.error), bytes(op.bytes), accepted(std::move(op.accepted)) {}
    boost::system::error_code error;
    std::size_t bytes;
    std::shared_ptr<network_endpoint> accepted;
  };

  boost::asio::associated_cancellation_slot_t<Handler> slot_;
  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>> work_;
  Handler handler_;
};

struct error_result {
  template <class Handler, class R>
  static void call(Handler&& handler, R&& r) {
    std::forward<Handler>(handler)(r.error);
  }
};
struct bytes_result {
  template <class Handler, class R>
  static void call(Handler&& handler, R&& r) {
    std::forward<Handler>(handler)(r.error, r.bytes);
  }
};

// What both kinds of targets offer.
[[nodiscard]] std::uint64_t next_operation(network_endpoint& target) noexcept;
[[nodiscard]] std::uint64_t next_operation(network_listener& target) noexcept;
void cancel_operation(network_endpoint& target, std::uint64_t id);
void cancel_operation(network_listener& target, std::uint64_t id);

/// In the slot of an operation's handler.
template <class Target>
class network_cancel {
 public:
  network_cancel(const std::shared_ptr<Target>& target, std::uint64_t id) : target_(target), id_(id) {}
  void operator()(boost::asio::cancellation_type wanted) const {
    if (wanted == boost::asio::cancellation_type::none) return;
    if (const auto found = target_.lock(); found != nullptr) cancel_operation(*found, id_);
  }

 private:
  std::weak_ptr<Target> target_;
  std::uint64_t id_;
};

/// Makes an operation of `target` that its handler's cancellation slot reaches.
template <class Result, class Target, class Handler>
[[nodiscard]] std::unique_ptr<network_op> make_network_op(const std::shared_ptr<Target>& target,
                                                          const boost::asio::any_io_executor& io, Handler&& handler) {
  using kept = std::decay_t<Handler>;
  auto slot = boost::asio::get_associated_cancellation_slot(handler);
  auto op = std::make_unique<network_op_of<Result, kept>>(std::forward<Handler>(handler), io);
  op->id = next_operation(*target);
  if (slot.is_connected()) slot.template emplace<network_cancel<Target>>(target, op->id);
  return op;
}

}  // namespace gyre::detail
