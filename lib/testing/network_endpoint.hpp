// SPDX-License-Identifier: BSL-1.0
#pragma once
// One end of a virtual connection: what has been sent to it, and its operations under way.  Layer: testing.
// Bodies: lib/testing/network_endpoint.cpp (the connection), network_transfer.cpp (reads and writes)
#include "network_core.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gyre::detail {

/// State is derived from what was sent and the clock: a byte is there if its arrival is not later than now. look() does what
/// can be done by now; whoever changes something that another end waits for has that end look when it gets to know.
///
///   incoming_, fin_at_, reset_at_   what the peer has sent, with the time of its arrival; `never` while the hosts are split
///   last_arrival_                   nothing overtakes
///   peer_                           null before the connection; expired when the other stream has gone
class network_endpoint final : public std::enable_shared_from_this<network_endpoint>,
                               public testing::simulated_io_user {
 public:
  enum class state : std::uint8_t { closed, open, connecting, connected };

  network_endpoint(std::shared_ptr<network_core> core, std::string host);
  network_endpoint(const network_endpoint&) = delete;
  network_endpoint& operator=(const network_endpoint&) = delete;
  ~network_endpoint() { close(farewell::polite); }

  /// Where its handlers run; before that nothing can be started. What is on its way will be looked at.
  void attach(const boost::asio::any_io_executor& executor);
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

  /// Throws a system_error: no_descriptors.
  void open();
  void connect(const testing::network_address& peer, std::unique_ptr<network_op> op);
  void read(std::vector<boost::asio::mutable_buffer> buffers, std::unique_ptr<network_op> op);
  void write(std::vector<boost::asio::const_buffer> buffers, std::unique_ptr<network_op> op);
  void cancel(std::uint64_t id);
  void cancel_all();
  [[nodiscard]] boost::system::error_code shutdown(boost::asio::socket_base::shutdown_type what);

  enum class farewell : std::uint8_t { polite, reset, none };
  void close(farewell how) noexcept;

  /// Makes the other end of `client`'s connection, not attached yet.
  [[nodiscard]] static std::shared_ptr<network_endpoint> answer(network_endpoint& client, const std::string& host);
  /// Accepted: has the descriptor that the acceptor took for it.
  void own_descriptor() noexcept { has_descriptor_ = true; }

  /// What has not arrived waits, until release().
  void hold();
  void release();

  void drop_operations() noexcept override;

  [[nodiscard]] state where() const noexcept { return state_; }
  /// Its connection is over: another one needs another end.
  [[nodiscard]] bool used_up() const noexcept { return deaf_ && state_ == state::closed; }
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] const std::shared_ptr<network_core>& shared_core() const noexcept { return core_; }
  [[nodiscard]] std::size_t available() const;
  [[nodiscard]] const testing::network_address& local() const noexcept { return local_; }
  [[nodiscard]] const testing::network_address& remote() const noexcept { return remote_; }
  [[nodiscard]] network_core& core() const noexcept { return *core_; }

 private:
  struct segment {
    std::int64_t arrival;
    std::string bytes;
    std::size_t taken = 0;
  };
  struct read_op {
    std::vector<boost::asio::mutable_buffer> buffers;
    std::unique_ptr<network_op> op;
  };
  struct write_op {
    std::vector<boost::asio::const_buffer> buffers;
    std::unique_ptr<network_op> op;
  };

  void look();
  void look_at(std::int64_t when);
  void end(network_event event, std::unique_ptr<network_op> op, boost::system::error_code error);
  template <class Ops>
  void cancel_in(Ops& ops, network_event event, std::uint64_t id);

  void try_connect();
  /// False if it has to wait.
  [[nodiscard]] bool try_read(read_op& each);
  [[nodiscard]] bool try_write(write_op& each);
  [[nodiscard]] std::size_t take_bytes(const std::vector<boost::asio::mutable_buffer>& buffers, std::size_t most);
  [[nodiscard]] boost::system::error_code after_reset(bool reading);
  [[nodiscard]] bool there(const std::optional<std::int64_t>& arrival) const {
    return arrival && *arrival <= core_->now();
  }
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] bool split() const { return core_->split(host_, remote_.host()); }

  // Sending: what arrives at the other end, or comes back if nobody is there.
  [[nodiscard]] std::int64_t arrival();
  void send(std::string bytes);
  void send_fin();
  void send_reset();
  void break_connection();
  /// What is not there yet comes to nobody: its sender hears of a reset.
  void refuse_rest();
  void answered_with_reset(std::int64_t arrival);
  void receive_reset(std::int64_t when);
  void lose_rest();

  std::shared_ptr<network_core> core_;
  std::uint64_t number_;
  std::string host_;
  boost::asio::any_io_executor executor_;
  std::weak_ptr<testing::simulated_io> io_;
  state state_ = state::closed;
  testing::network_address local_;
  testing::network_address remote_;
  std::weak_ptr<network_endpoint> peer_;

  std::deque<segment> incoming_;
  std::size_t queued_ = 0;  // bytes in incoming_, and those that were lost there
  std::optional<std::int64_t> fin_at_;
  std::optional<std::int64_t> reset_at_;
  std::int64_t last_arrival_ = 0;
  std::size_t unanswered_ = 0;  // bytes sent to nobody: they fill the connection until the reset is there
  bool reset_told_ = false;     // an operation has got the error
  bool sent_fin_ = false;
  bool receives_ = true;  // not shut down
  bool has_descriptor_ = false;
  bool deaf_ = false;  // closed, or half-closed where that is not known: what comes is answered with a reset

  std::optional<std::int64_t> connect_at_;
  std::unique_ptr<network_op> connecting_;
  std::deque<read_op> reads_;
  std::deque<write_op> writes_;
};

}  // namespace gyre::detail
