// SPDX-License-Identifier: BSL-1.0
#include <gyre/asio.hpp>

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>

namespace gyre::detail {

std::size_t send_now(int socket, const boost::asio::const_buffer* pieces, std::size_t count) noexcept {
  constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  ssize_t sent = 0;
  if (count == 1) {
    sent = ::send(socket, pieces->data(), pieces->size(), flags);
  } else {
    std::array<iovec, 8> vectors{};
    std::transform(pieces, pieces + count, vectors.begin(), [](const boost::asio::const_buffer& each) {
      return iovec{const_cast<void*>(each.data()), each.size()};
    });
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    sent = ::sendmsg(socket, &message, flags);
  }
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

}  // namespace gyre::detail
