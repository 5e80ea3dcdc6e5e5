// SPDX-License-Identifier: BSL-1.0
// No runtime at all: an echo server on bare epoll, the floor of the echo workloads, and HTTP ping-pong.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/http.hpp"
#include "harness/program.hpp"

namespace {

constexpr int backlog = 2048;

/// A listening socket on a port of 127.0.0.1 that all servers share; port 0 takes a free one.
int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bench::require(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "epoll: bind");
  bench::require(listen(fd, backlog) == 0, "epoll: listen");
  return fd;
}

int port_of(int listener) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

void watch(int epoll, int fd) {
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = fd;
  bench::require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest) == 0, "epoll: watch");
}

void accept_all(int epoll, int listener) {
  for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(epoll, fd);
  }
}

void reply(int fd) {
  char buffer[4096];
  const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (got <= 0 || send(fd, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) close(fd);
}

[[noreturn]] void serve(int listener) {
  const int epoll = epoll_create1(0);
  watch(epoll, listener);
  for (;;) {
    epoll_event events[256];
    const int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.fd == listener)
        accept_all(epoll, listener);
      else
        reply(events[i].data.fd);
    }
  }
}

bench::outcome run_echo(const bench::request& wanted) {
  std::vector<int> listeners{listen_on(0)};
  const int port = port_of(listeners.front());
  for (int i = 1; i < wanted.threads; ++i) listeners.push_back(listen_on(port));
  bench::announce_port(port);
  for (int i = 1; i < wanted.threads; ++i) std::thread(serve, listeners[static_cast<std::size_t>(i)]).detach();
  serve(listeners.front());
}

const bench::workload echo_workload{"echo", run_echo};

bool send_all(int fd, std::string_view text) {
  return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

/// Answers requests on connections until all of them have been closed.
void serve_http(int listener, std::atomic<std::int64_t>& served) {
  const int epoll = epoll_create1(0);
  watch(epoll, listener);
  for (int open = bench::http_connections; open > 0;) {
    epoll_event events[256];
    const int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      char request[4096];
      if (fd == listener) {
        accept_all(epoll, listener);
      } else if (recv(fd, request, sizeof request, 0) <= 0 || !send_all(fd, bench::http_response)) {
        close(fd);
        --open;
      } else {
        served.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }
  close(epoll);
  close(listener);
}

/// One connection of the client.
struct http_client {
  int socket = -1;
  std::int64_t left = 0;
  std::size_t received = 0;

  /// Takes what has come, and sends the next request when the response is complete. False after the last one.
  bool go_on() {
    char response[4096];
    const ssize_t got = recv(socket, response, sizeof response, 0);
    bench::require(got > 0, "epoll: a response");
    received += static_cast<std::size_t>(got);
    if (received < bench::http_response.size()) return true;
    received = 0;
    if (--left == 0) return false;
    bench::require(send_all(socket, bench::http_request), "epoll: a request");
    return true;
  }
};

int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bench::require(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "epoll: connect");
  return fd;
}

void send_requests(int port, std::int64_t count) {
  const int epoll = epoll_create1(0);
  std::vector<http_client> clients(bench::http_connections);
  int open = 0;
  for (int i = 0; i < bench::http_connections; ++i) {
    http_client& each = clients[static_cast<std::size_t>(i)];
    each.socket = connect_to(port);
    each.left = bench::http_share(count, i);
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.ptr = &each;
    bench::require(epoll_ctl(epoll, EPOLL_CTL_ADD, each.socket, &interest) == 0, "epoll: watch");
    if (each.left > 0 && send_all(each.socket, bench::http_request)) ++open;
  }
  while (open > 0) {
    epoll_event events[256];
    const int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      if (!static_cast<http_client*>(events[i].data.ptr)->go_on()) --open;
    }
  }
  for (const http_client& each : clients) close(each.socket);
  close(epoll);
}

/// Always two threads: each end blocks in its own epoll_wait.
bench::outcome run_http_pingpong(const bench::request& wanted) {
  std::atomic<std::int64_t> served{0};
  const int listener = listen_on(0);
  const int port = port_of(listener);
  std::thread server([&] { serve_http(listener, served); });
  const bench::stopwatch watch;
  send_requests(port, wanted.size);
  const bench::outcome result = watch.stop(wanted.size);
  server.join();
  bench::require(served == wanted.size, "http_pingpong: every request was served");
  return result;
}

const bench::workload http_workload{"http_pingpong", run_http_pingpong};

}  // namespace

int main(int argc, char** argv) { return bench::run_program("epoll", "none", argc, argv); }
