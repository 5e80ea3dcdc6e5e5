// SPDX-License-Identifier: BSL-1.0
// No runtime at all: an echo server on bare epoll, the floor of the echo workloads.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

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

}  // namespace

int main(int argc, char** argv) { return bench::run_program("epoll", "none", argc, argv); }
