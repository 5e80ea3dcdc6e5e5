// SPDX-License-Identifier: BSL-1.0
#include "echo_load.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "program.hpp"
#include "record.hpp"

namespace bench {
namespace {

constexpr std::size_t message_bytes = 64;
constexpr std::int64_t longest_run_ns = 5'000'000'000;
constexpr int longest_silence_ms = 5'000;
using message = std::array<char, message_bytes>;

/// One connection: what it sent last, and how much of the reply has come.
struct connection {
  int socket = -1;
  std::uint64_t sequence = 0;
  std::int64_t sent_ns = 0;
  std::size_t received = 0;
  message request{};
  message reply{};
};

int connect_to(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(fd >= 0, "load: a socket");
  require(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "load: connects");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void send_next(connection& peer) {
  ++peer.sequence;
  for (std::size_t i = 0; i < message_bytes; ++i) {
    peer.request[i] = static_cast<char>(peer.sequence * 31 + static_cast<std::uint64_t>(peer.socket) + i);
  }
  peer.received = 0;
  peer.sent_ns = monotonic_ns();
  const ssize_t sent = send(peer.socket, peer.request.data(), message_bytes, MSG_NOSIGNAL);
  require(sent == static_cast<ssize_t>(message_bytes), "load: sends a request");
}

/// Takes what has arrived; true when the reply is complete.
bool receive(connection& peer) {
  const ssize_t got = recv(peer.socket, peer.reply.data() + peer.received, message_bytes - peer.received, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  require(got > 0, "load: the server keeps the connection open");
  peer.received += static_cast<std::size_t>(got);
  if (peer.received < message_bytes) return false;
  require(peer.reply == peer.request, "load: the reply equals the request");
  return true;
}

class load {
 public:
  load(int port, int count, std::int64_t requests)
      : peers_(static_cast<std::size_t>(count)), timed_(requests), latencies_(static_cast<std::size_t>(requests)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    for (connection& peer : peers_) {
      peer.socket = connect_to(port);
      epoll_event interest{};
      interest.events = EPOLLIN;
      interest.data.ptr = &peer;
      require(epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.socket, &interest) == 0, "load: watches a socket");
    }
  }

  /// `count` more requests over all connections, timed or not.
  outcome drive(std::int64_t count, bool timed) {
    const stopwatch watch;
    const std::int64_t end_ns = monotonic_ns() + longest_run_ns;
    std::int64_t started = 0;
    std::int64_t done = 0;
    for (connection& peer : peers_) {
      if (started < count) send_next(peer), ++started;
    }
    while (done < started) {
      epoll_event events[256];
      const int ready = epoll_wait(epoll_, events, 256, longest_silence_ms);
      require(ready > 0 || errno == EINTR, "load: the server answers");
      if (monotonic_ns() > end_ns) count = started;
      for (int i = 0; i < ready; ++i) {
        connection& peer = *static_cast<connection*>(events[i].data.ptr);
        if (!receive(peer)) continue;
        ++done;
        if (timed) latencies_.add(monotonic_ns() - peer.sent_ns);
        if (started < count) send_next(peer), ++started;
      }
    }
    return watch.stop(done);
  }

  outcome run() {
    warmup_ = std::max<std::int64_t>(timed_ / 20, static_cast<std::int64_t>(peers_.size()));
    drive(warmup_, false);
    return latencies_.summarise(drive(timed_, true));
  }
  std::int64_t warmup() const { return warmup_; }

 private:
  std::vector<connection> peers_;
  std::int64_t timed_;
  std::int64_t warmup_ = 0;
  latencies latencies_;
  int epoll_ = -1;
};

}  // namespace

int run_echo_load(int port, int connections, std::int64_t requests) {
  load generator(port, connections, requests);
  const outcome result = generator.run();
  record out;
  out.set("n", result.ops);
  out.set("seconds", result.seconds, 6);
  out.set("ops_per_s", static_cast<double>(result.ops) / result.seconds, 1);
  out.set("ns_per_op", result.seconds / static_cast<double>(result.ops) * 1e9, 1);
  out.set("p50_us", result.p50_us, 1);
  out.set("p99_us", result.p99_us, 1);
  out.set("max_us", result.max_us, 1);
  out.set("all_requests", result.ops + generator.warmup());
  out.set("client_cpu_seconds", result.cpu_seconds, 3);
  std::puts(out.line().c_str());
  return 0;
}

}  // namespace bench
