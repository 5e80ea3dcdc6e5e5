// SPDX-License-Identifier: BSL-1.0
// The search server of docs/examples over a small tree of files: clients ask, break off and send nonsense while the index is
// built again and again. What is found is exact.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/url/src.hpp>
#include <filesystem>
#include <fstream>

#include "../../docs/examples/search_server/service.hpp"
#include "crowd.hpp"

namespace storm {
namespace {

constexpr std::size_t clients = 3;
constexpr int files = 24;
constexpr int words_a_file = 200;

/// Folders with files; file i holds the word `common` once a line, and `wordI` on its first line.
class document_tree {
 public:
  explicit document_tree(std::uint64_t seed) {
    std::string name = (std::filesystem::temp_directory_path() / "gyre-stress-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    root_ = name;
    dice d(seed);
    for (int i = 0; i < files; ++i) {
      const std::filesystem::path folder = root_ / std::to_string(d.below(4));
      std::filesystem::create_directories(folder);
      std::ofstream out(folder / (std::to_string(i) + ".txt"));
      out << "word" << i << '\n';
      for (int n = 0; n < words_a_file; ++n) out << "common filler" << d.below(50) << '\n';
    }
  }
  document_tree(const document_tree&) = delete;
  document_tree& operator=(const document_tree&) = delete;
  ~document_tree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  [[nodiscard]] std::string root() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

/// Keeps the standard output shut: the indexer tells how far it is.
class silence_stdout {
 public:
  silence_stdout() {
    std::fflush(stdout);
    kept_ = ::dup(STDOUT_FILENO);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::close(nowhere);
  }
  silence_stdout(const silence_stdout&) = delete;
  silence_stdout& operator=(const silence_stdout&) = delete;
  ~silence_stdout() {
    std::fflush(stdout);
    ::dup2(kept_, STDOUT_FILENO);
    ::close(kept_);
  }

 private:
  int kept_ = -1;
};

struct application {
  explicit application(std::string root) : index(std::vector<std::string>{std::move(root)}) {}
  indexer index;
  service answers{index};
  // A silent connection is given up after longer than a machine stands still.
  http_server server{[this](const request& asked) { return answers.answer(asked); }, 60s};
};

gyre::coro<std::uint16_t> open_server(application& app, gyre::task<>& accepting) {
  tcp::acceptor acceptor(gyre::native_context(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const std::uint16_t port = acceptor.local_endpoint().port();
  accepting = gyre::create_task(app.server.accept(std::move(acceptor)));
  co_return port;
}

// What makes tasks ends before the runtime looks what is left.
gyre::coro<> close_server(application& app, gyre::task<> accepting) {
  accepting.cancel();
  static_cast<void>(co_await gyre::wait(accepting));
  co_await app.server.drain();
}

void await_end(const gyre::blocking_future<void>& f) {
  try {
    f.result();
  } catch (const gyre::cancelled_error&) {
  }
}

// --- a client --------------------------------------------------------------------------------------------------------
class connection {
 public:
  explicit connection(std::uint16_t port) : socket_(context_) {
    socket_.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
  }
  void send(const std::string& text) { boost::asio::write(socket_, boost::asio::buffer(text)); }
  std::string get(const std::string& target) {
    http::request<http::empty_body> asked(http::verb::get, target, 11);
    asked.set(http::field::host, "localhost");
    http::write(socket_, asked);
    return answer();
  }
  std::string answer() {
    http::response<http::string_body> got;
    http::read(socket_, input_, got);
    status = got.result();
    return got.body();
  }
  void reset() {
    socket_.set_option(tcp::socket::linger(true, 0));
    socket_.close();
  }
  http::status status = http::status::unknown;

 private:
  boost::asio::io_context context_;
  tcp::socket socket_;
  boost::beast::flat_buffer input_;
};

std::int64_t total_of(const std::string& answer) {
  const boost::json::value parsed = boost::json::parse(answer);
  return parsed.at("total").to_number<std::int64_t>();
}

void ask(trial& t, std::uint16_t port, dice d) {
  connection to(port);
  const std::size_t way = d.below(6);
  if (way == 0) return to.reset();
  if (way == 1) {
    to.send("GET /search?q=common HTTP/1.1\r\nHost: a\r\n");  // and no more
    return to.reset();
  }
  if (way == 2) {
    to.send("nonsense\r\n\r\n");
    static_cast<void>(to.answer());
    t.expect(to.status == http::status::bad_request, "nonsense was not refused");
    return;
  }
  for (std::size_t n = 1 + d.below(4); n > 0; --n) {
    const auto word = "word" + std::to_string(d.below(files));
    t.expect_equal("files with one word", total_of(to.get("/search?q=" + word)), 1);
    t.expect_equal("files with two words", total_of(to.get("/search?q=common+" + word)), 1);
    t.expect_equal("files with a common word", total_of(to.get("/search?q=common&limit=3")), files);
    t.expect_equal("files with a word that is nowhere", total_of(to.get("/search?q=nowhere")), 0);
    t.did(4);
  }
}

void ask_again_and_again(trial& t, std::uint16_t port, dice d) {
  for (std::size_t n = 0; n < t.size; ++n) {
    try {
      ask(t, port, d.split());
    } catch (const std::exception& e) {
      t.violated(std::string("a client failed: ") + e.what());
    }
  }
}

void search_soak(trial& t) {
  const document_tree tree(t.seed);
  const silence_stdout quiet;
  application app(tree.root());
  gyre::runtime r(gyre::run_options().loops(t.loops));
  refuse_reports(t, r);
  t.show(&r.loop(0));
  gyre::task<> accepting;
  const std::uint16_t port = gyre::run_coroutine_threadsafe(open_server(app, accepting), r.loop(0)).result();
  gyre::run_coroutine_threadsafe(app.index.run(), r).result();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < clients; ++i) {
    threads.emplace_back([&t, port, d = t.random.split()] { ask_again_and_again(t, port, d); });
  }
  for (int n = 0; n < 3; ++n) gyre::run_coroutine_threadsafe(app.index.run(), r).result();
  for (std::thread& each : threads) each.join();
  const gyre::blocking_future<void> last = gyre::run_coroutine_threadsafe(app.index.run(), r);
  if (t.random.one_in(2)) last.cancel();
  await_end(last);
  gyre::run_coroutine_threadsafe(close_server(app, accepting), r.loop(0)).result();
  t.show(nullptr);
  r.stop();
}

const registered soak({"search_soak", "the search server, asked while it indexes", nullptr, &search_soak, 12, 3});

}  // namespace
}  // namespace storm
