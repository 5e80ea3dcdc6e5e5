// SPDX-License-Identifier: BSL-1.0
#pragma once
// async_write on a stream socket, awaited by use_gyre: what the kernel takes at once needs no handler.  Layer: io.
// Included by gyre/asio.hpp only.  Bodies: lib/io/write_now.cpp
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/completion_condition.hpp>
#include <boost/asio/write.hpp>
#include <gyre/core/frame_pool.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace gyre::detail {

/// Sends what `socket` takes without waiting; 0 also after an error, which the next try meets again.
[[nodiscard]] std::size_t send_now(int socket, const boost::asio::const_buffer* pieces, std::size_t count) noexcept;

/// What is to be sent, if it is in a few pieces.
class pieces_to_send {
 public:
  template <class Buffers>
  explicit pieces_to_send(const Buffers& buffers) noexcept {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto each = boost::asio::buffer_sequence_begin(buffers); each != end; ++each) {
      if (count_ == pieces_.size()) {
        bytes_ = 0;
        return;
      }
      pieces_[count_++] = boost::asio::const_buffer(*each);
      bytes_ += pieces_[count_ - 1].size();
    }
  }

  /// 0 for nothing, or too many pieces.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t send(int socket) const noexcept { return send_now(socket, pieces_.data(), count_); }

  [[nodiscard]] pooled_vector<boost::asio::const_buffer> without(std::size_t sent) const {
    pooled_vector<boost::asio::const_buffer> rest;
    rest.reserve(count_);
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t skipped = std::min(sent, pieces_[i].size());
      sent -= skipped;
      if (skipped < pieces_[i].size()) rest.push_back(pieces_[i] + skipped);
    }
    return rest;
  }

 private:
  std::array<boost::asio::const_buffer, 8> pieces_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

/// Asio begins an async_write by an unqualified call of this name. For a handler of ours this one is found beside Asio's and
/// preferred, being more special. It sends at once what it can: mostly everything, and then the task goes on in the same
/// step. Asio would post the handler, which costs another turn of the loop. In a version of Asio that begins otherwise all
/// goes Asio's way.
template <class Protocol, class Executor, class Buffers, class Iterator, class Handler>
  requires Handler::may_end_at_once
void start_write_op(boost::asio::basic_stream_socket<Protocol, Executor>& socket, const Buffers& buffers,
                    const Iterator& begin, boost::asio::detail::transfer_all_t& all, Handler& handler) {
  namespace asio_detail = boost::asio::detail;
  const pieces_to_send pieces(buffers);
  const std::size_t sent =
      pieces.bytes() != 0 && handler.admits_end_at_once() ? pieces.send(socket.native_handle()) : 0;
  handler.note_transferred(sent);
  if (sent == 0) {
    asio_detail::start_write_op(socket, buffers, begin, all, handler);
  } else if (sent == pieces.bytes()) {
    handler.end_at_once();
  } else {
    const auto rest = pieces.without(sent);
    asio_detail::start_write_op(socket, rest, rest.begin(), all, handler);
  }
}

}  // namespace gyre::detail
