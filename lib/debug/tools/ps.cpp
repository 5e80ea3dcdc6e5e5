// SPDX-License-Identifier: BSL-1.0
// gyre-ps PID, gyre-pstree PID, gyre-waits PID: asks the debug console of a process for its tasks. GYRE_QUESTION is what it asks.
#include <gyre/debug/console.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

int usage() {
  std::fprintf(stderr,
               "usage: gyre-%s PID | gyre-%s SOCKET\n"
               "Shows the tasks of a process that holds a gyre::debug_console.\n",
               GYRE_QUESTION, GYRE_QUESTION);
  return 2;
}

int fail(const std::string& path) {
  std::fprintf(stderr, "gyre-%s: %s: %s (does the process hold a gyre::debug_console?)\n", GYRE_QUESTION, path.c_str(),
               std::strerror(errno));
  return 1;
}

int ask(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return usage();
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::string question = GYRE_QUESTION "\n";
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::send(fd, question.data(), question.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(question.size())) {
    return fail(path);
  }
  std::array<char, 4096> room{};
  std::string first;
  for (ssize_t n = 0; (n = ::recv(fd, room.data(), room.size(), 0)) > 0;) {
    if (first.size() < 6) first.append(room.data(), static_cast<std::size_t>(n));
    std::fwrite(room.data(), 1, static_cast<std::size_t>(n), stdout);
  }
  ::close(fd);
  if (!first.empty()) return first.compare(0, 6, "error:") == 0 ? 1 : 0;
  std::fprintf(stderr, "gyre-%s: %s: no answer (is it a process of another user?)\n", GYRE_QUESTION, path.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') return usage();
  const std::string given = argv[1];
  long pid = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), pid);
  const bool number = error == std::errc() && end == given.data() + given.size();
  return ask(number ? gyre::debug_console_path(pid) : given);
}
