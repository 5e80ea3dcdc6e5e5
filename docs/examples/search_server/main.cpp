// SPDX-License-Identifier: BSL-1.0
// Shows: a server that embeds gyre. It indexes directory trees on every core, and answers searches meanwhile.
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/url/src.hpp>
#include <clocale>
#include <iostream>
#include <thread>

#include "service.hpp"

/// Made before the runtime and gone after it, so that every task may refer to it.
struct application {
  std::chrono::milliseconds patience;
  indexer files;
  service answers{files};
  http_server server{[this](const request& asked) { return answers.answer(asked); }, patience};
};

gyre::coro<> obey(application& app, std::string command) {
  if (command == "reindex") co_await app.files.run();
  if (command == "stats") std::cout << app.answers.stats() << std::endl;
  if (command == "quit") std::raise(SIGTERM);
}

/// A thread that is no loop's: hands each line of the standard input to obey(), until `stop` or the end of the input.
void read_commands(std::stop_token stop, gyre::runtime& runtime, application& app) {
  const int wake = eventfd(0, EFD_CLOEXEC);  // open until the process ends
  const std::stop_callback on_stop(stop, [wake] { eventfd_write(wake, 1); });
  pollfd sources[] = {{STDIN_FILENO, POLLIN, 0}, {wake, POLLIN, 0}};
  std::string line;
  for (char byte = 0; !stop.stop_requested();) {
    if (poll(sources, 2, -1) <= 0 || sources[0].revents == 0) continue;
    if (::read(STDIN_FILENO, &byte, 1) <= 0) return;
    if (byte != '\n') line += byte;
    if (byte == '\n') gyre::run_coroutine_threadsafe(obey(app, std::exchange(line, {})), runtime);
  }
}

gyre::coro<> amain(application& app, gyre::runtime& runtime, tcp::endpoint address) {
  boost::asio::signal_set signals(gyre::native_context(), SIGINT, SIGTERM);
  tcp::acceptor acceptor(gyre::native_context(), address);
  std::cout << "listening on http://" << acceptor.local_endpoint() << std::endl;
  gyre::task<> indexing = gyre::create_task(app.files.run());
  gyre::task<> accepting = gyre::create_task(app.server.accept(std::move(acceptor)));
  const std::jthread reader(read_commands, std::ref(runtime), std::ref(app));
  co_await signals.async_wait(use_gyre);
  accepting.cancel(), indexing.cancel();
  co_await gyre::wait(indexing);  // it makes tasks, which must be there when the runtime looks what is left
  co_await app.server.drain();
}  // the runtime cancels what is left: idle connections, and builders of the index

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "C.UTF-8");
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);  // the memory of an index that was replaced goes back to the system
  std::vector<std::string> roots{"/usr/share/doc", "/usr/include"};
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  int loops = 0, header_timeout_ms = 10'000;
  CLI::App options("Full-text search of directory trees, served over HTTP by gyre.");
  options.add_option("--root", roots, "a directory tree to index; any number of times")->check(CLI::ExistingDirectory);
  options.add_option("--host", host, "the address to listen on")->check(CLI::ValidIPV4)->capture_default_str();
  options.add_option("--port", port, "0 takes a free one")->capture_default_str();
  options.add_option("--loops", loops, "how many event loops; by default one for each core")->check(CLI::Range(1, 255));
  options.add_option("--header-timeout-ms", header_timeout_ms, "for a request to come in")->capture_default_str();
  CLI11_PARSE(options, argc, argv);
  application app{std::chrono::milliseconds(header_timeout_ms), indexer(roots)};
  try {
    gyre::runtime runtime(gyre::run_options().loops(loops));
    gyre::run_coroutine_threadsafe(amain(app, runtime, {boost::asio::ip::make_address(host), port}), runtime).result();
  } catch (const boost::system::system_error& failure) {
    std::cerr << "cannot listen on " << host << ':' << port << ": " << failure.code().message() << '\n';
    return 1;
  }
}
