// SPDX-License-Identifier: BSL-1.0
#include <gyre/core/error.hpp>
#include <gyre/debug/console.hpp>
#include <gyre/debug/inspect.hpp>
#include <gyre/debug/wait_graph.hpp>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace gyre {
namespace {

class descriptor {
 public:
  explicit descriptor(int fd, const char* call) : fd_(fd) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), call);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { ::close(fd_); }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

void check(int result, const std::string& what) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), "debug_console: " + what);
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw value_error("debug_console: the path is too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

bool same_user(int peer) noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return false;
  return who.uid == ::geteuid() || who.uid == 0;
}

// A client that neither asks nor reads is not waited for.
void limit_waits(int peer) noexcept {
  const timeval limit{1, 0};
  ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

std::string read_line(int peer) {
  std::array<char, 64> room{};
  std::size_t length = 0;
  while (length < room.size()) {
    const ssize_t n = ::recv(peer, room.data() + length, room.size() - length, 0);
    if (n <= 0) break;
    length += static_cast<std::size_t>(n);
    if (const auto end = std::string_view(room.data(), length).find('\n'); end != std::string_view::npos) {
      return std::string(room.data(), end);
    }
  }
  return std::string(room.data(), length);
}

void write_all(int peer, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

class debug_console::server {
 public:
  server(event_loop& loop, std::string path)
      : loop_(loop),
        path_(std::move(path)),
        listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "debug_console: socket"),
        end_(::eventfd(0, EFD_CLOEXEC), "debug_console: eventfd") {
    const sockaddr_un address = address_of(path_);
    remove_stale(address);
    check(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), path_);
    if (::chmod(path_.c_str(), S_IRUSR | S_IWUSR) != 0 || ::listen(listener_.get(), 8) != 0) {
      const int why = errno;
      ::unlink(path_.c_str());
      throw std::system_error(why, std::generic_category(), "debug_console: " + path_);
    }
    thread_ = std::thread([this] { serve(); });
    ::pthread_setname_np(thread_.native_handle(), "gyre-console");
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server() {
    const std::uint64_t one = 1;
    static_cast<void>(::write(end_.get(), &one, sizeof one) == sizeof one);
    thread_.join();
    ::unlink(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  // A socket that nobody listens at was left by a process that ended without its destructors.
  static void remove_stale(const sockaddr_un& address) {
    const descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "debug_console: socket");
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno == ECONNREFUSED) {
      ::unlink(address.sun_path);
    }
  }

  void serve() noexcept {
    std::array<pollfd, 2> waited{pollfd{end_.get(), POLLIN, 0}, pollfd{listener_.get(), POLLIN, 0}};
    for (;;) {
      if (::poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) return;
      if (waited[0].revents != 0) return;
      if (waited[1].revents != 0) answer_next();
    }
  }

  void answer_next() noexcept {
    const int peer = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    limit_waits(peer);
    try {
      if (same_user(peer)) write_all(peer, answer(read_line(peer)));
    } catch (const std::exception& e) {
      write_all(peer, e.what());
    }
    ::close(peer);
  }

  std::string answer(const std::string& question) {
    if (question == "ps") return format_task_table(loop_);
    if (question == "pstree") return format_task_tree(loop_);
    if (question == "waits") return format_wait_graph(loop_);
    return "error: unknown question '" + question + "'; ps, pstree and waits are known\n";
  }

  event_loop& loop_;
  std::string path_;
  descriptor listener_;
  descriptor end_;
  std::thread thread_;
};

std::string debug_console_path(long pid) {
  const char* folder = std::getenv("XDG_RUNTIME_DIR");
  if (folder != nullptr && *folder != '\0') return std::string(folder) + "/gyre-" + std::to_string(pid) + ".sock";
  return "/tmp/gyre-" + std::to_string(::geteuid()) + "-" + std::to_string(pid) + ".sock";
}

debug_console::debug_console(std::string path) : debug_console(get_running_loop(), std::move(path)) {}

debug_console::debug_console(event_loop& loop, std::string path)
    : server_(std::make_unique<server>(loop, path.empty() ? debug_console_path(::getpid()) : std::move(path))) {}

debug_console::~debug_console() = default;

const std::string& debug_console::path() const noexcept { return server_->path(); }

}  // namespace gyre
