// SPDX-License-Identifier: BSL-1.0
#pragma once
// Virtual streams and acceptors: the calls of Asio's TCP sockets, over the in-memory network.  Layer: testing.
// Bodies: lib/testing/network_stream.cpp
#include <boost/asio/async_result.hpp>
#include <boost/asio/socket_base.hpp>
#include <gyre/asio.hpp>
#include <gyre/testing/network_op.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace gyre::detail {
class network_core;
}

namespace gyre::testing {

class network;

/// One end of a connection: an AsyncReadStream and AsyncWriteStream of Asio, and what else a TCP socket offers to servers.
///
/// Errors are those of real sockets: eof, connection_reset, broken_pipe, connection_refused, operation_aborted (cancel,
/// close), no_descriptors, not_connected, bad_descriptor (not open), already_connected.
/// Cancel:  as of a socket. An operation that was cancelled has transferred nothing.
/// Life:    destroying it closes it; the peer reads eof, or a reset if bytes were left unread. A stream that was moved from
///          is not open; assign another to it.
/// Like:    boost::asio::ip::tcp::socket; every function here does what that one's of the same name does.
class network_stream : public boost::asio::socket_base {
 public:
  using executor_type = boost::asio::any_io_executor;
  using lowest_layer_type = network_stream;
  using endpoint_type = network_address;

  /// Not connected; of `host`, with handlers on `executor`, which belongs to a simulated loop.
  network_stream(network& net, std::string host, const executor_type& executor = native_context().get_executor());
  /// Made by accepts; null for one that is not open.
  explicit network_stream(std::shared_ptr<gyre::detail::network_endpoint> end) noexcept : end_(std::move(end)) {}
  network_stream(network_stream&& other) noexcept = default;
  network_stream& operator=(network_stream&& other) noexcept;
  ~network_stream();

  [[nodiscard]] executor_type get_executor() const noexcept;
  [[nodiscard]] lowest_layer_type& lowest_layer() noexcept { return *this; }
  [[nodiscard]] const lowest_layer_type& lowest_layer() const noexcept { return *this; }
  [[nodiscard]] bool is_open() const noexcept;
  /// Bytes that have arrived and were not read.
  [[nodiscard]] std::size_t available() const;
  /// Throws:  boost::system::system_error if there is no such end: not_connected.
  [[nodiscard]] endpoint_type local_endpoint() const;
  [[nodiscard]] endpoint_type remote_endpoint() const;

  /// Takes a descriptor of the host; async_connect does that, too.
  void open();
  void shutdown(shutdown_type what);
  void shutdown(shutdown_type what, boost::system::error_code& error);
  void close();
  void close(boost::system::error_code& error);
  void cancel();
  void cancel(boost::system::error_code& error);
  /// Closes with a reset, as SO_LINGER with a time of 0 does.
  void reset();
  /// Goes as a host goes that loses power: the peer hears nothing, and what it sends from now on is answered with a reset.
  void vanish();
  /// Options of sockets do nothing here.
  template <class Option>
  void set_option(const Option&) noexcept {}
  template <class Option>
  void set_option(const Option&, boost::system::error_code& error) noexcept {
    error.clear();
  }
  /// For Beast, which closes the lowest layer of a stream by this name.
  friend void beast_close_socket(network_stream& stream) {
    boost::system::error_code ignored;
    stream.close(ignored);
  }

  /// Handler: void(error_code, std::size_t).
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(read_start(end_), token,
                                                                                            buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(write_start(end_), token,
                                                                                            buffers);
  }
  /// Handler: void(error_code).
  template <class Token>
  auto async_connect(const network_address& peer, Token&& token) {
    renew();
    return boost::asio::async_initiate<Token, void(boost::system::error_code)>(connect_start(end_), token, peer);
  }

 private:
  void renew();
  using target = std::shared_ptr<gyre::detail::network_endpoint>;

  class start {
   public:
    using executor_type = network_stream::executor_type;
    explicit start(target end) noexcept : end_(std::move(end)) {}
    [[nodiscard]] executor_type get_executor() const noexcept { return executor_of(end_); }

   protected:
    target end_;
  };
  struct read_start : start {
    using start::start;
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      std::vector<boost::asio::mutable_buffer> parts(boost::asio::buffer_sequence_begin(buffers),
                                                     boost::asio::buffer_sequence_end(buffers));
      read(end_, std::move(parts), make_op<gyre::detail::bytes_result>(end_, std::forward<Handler>(handler)));
    }
  };
  struct write_start : start {
    using start::start;
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      std::vector<boost::asio::const_buffer> parts(boost::asio::buffer_sequence_begin(buffers),
                                                   boost::asio::buffer_sequence_end(buffers));
      write(end_, std::move(parts), make_op<gyre::detail::bytes_result>(end_, std::forward<Handler>(handler)));
    }
  };
  struct connect_start : start {
    using start::start;
    template <class Handler>
    void operator()(Handler&& handler, const network_address& peer) const {
      connect(end_, peer, make_op<gyre::detail::error_result>(end_, std::forward<Handler>(handler)));
    }
  };

  template <class Result, class Handler>
  static std::unique_ptr<gyre::detail::network_op> make_op(const target& end, Handler&& handler) {
    return gyre::detail::make_network_op<Result>(end, executor_of(end), std::forward<Handler>(handler));
  }
  using op_pointer = std::unique_ptr<gyre::detail::network_op>;
  static executor_type executor_of(const target& end) noexcept;
  static void read(const target& end, std::vector<boost::asio::mutable_buffer> buffers, op_pointer op);
  static void write(const target& end, std::vector<boost::asio::const_buffer> buffers, op_pointer op);
  static void connect(const target& end, const network_address& peer, op_pointer op);

  target end_;
};

/// Listens at an address from the time it is made.
///
/// Errors:  operation_aborted (cancel, close), no_descriptors (EMFILE; the connection stays in the queue; it takes 1 ms to
///          find out), bad_descriptor (closed).
/// Like:    boost::asio::ip::tcp::acceptor.
class network_acceptor : public boost::asio::socket_base {
 public:
  using executor_type = boost::asio::any_io_executor;
  using endpoint_type = network_address;

  /// Port 0 stands for a free one: see local_endpoint().
  /// Throws:  boost::system::system_error: address_in_use, no_descriptors.
  network_acceptor(network& net, network_address at, const executor_type& executor = native_context().get_executor());
  network_acceptor(network_acceptor&& other) noexcept = default;
  network_acceptor& operator=(network_acceptor&& other) noexcept;
  ~network_acceptor();

  [[nodiscard]] executor_type get_executor() const noexcept;
  [[nodiscard]] bool is_open() const noexcept;
  [[nodiscard]] endpoint_type local_endpoint() const;
  /// Connections that nobody has accepted are reset.
  void close();
  void close(boost::system::error_code& error);
  void cancel();
  void cancel(boost::system::error_code& error);

  /// Handler: void(error_code, network_stream). The stream's handlers run on this executor, or on the one given.
  template <class Token>
  auto async_accept(Token&& token) {
    return async_accept(get_executor(), std::forward<Token>(token));
  }
  template <class Token>
  auto async_accept(const executor_type& executor, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, network_stream)>(start(end_), token,
                                                                                               executor);
  }
  template <class Token>
  auto async_accept(boost::asio::io_context& context, Token&& token) {
    return async_accept(executor_type(context.get_executor()), std::forward<Token>(token));
  }

 private:
  using target = std::shared_ptr<gyre::detail::network_listener>;
  using op_pointer = std::unique_ptr<gyre::detail::network_op>;

  struct accept_result {
    template <class Handler, class R>
    static void call(Handler&& handler, R&& r) {
      std::forward<Handler>(handler)(r.error, network_stream(std::move(r.accepted)));
    }
  };
  class start {
   public:
    using executor_type = network_acceptor::executor_type;
    explicit start(target end) noexcept : end_(std::move(end)) {}
    [[nodiscard]] executor_type get_executor() const noexcept { return executor_of(end_); }
    template <class Handler>
    void operator()(Handler&& handler, const executor_type& executor) const {
      accept(end_, executor,
             gyre::detail::make_network_op<accept_result>(end_, executor_of(end_), std::forward<Handler>(handler)));
    }

   private:
    target end_;
  };
  static executor_type executor_of(const target& end) noexcept;
  static void accept(const target& end, const executor_type& executor, op_pointer op);

  target end_;
};

}  // namespace gyre::testing
