// SPDX-License-Identifier: BSL-1.0
#pragma once
// Builds the index with tasks on every core, again and again, while searches go on.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <gyre/gyre.hpp>
#include <optional>
#include <sstream>

#include "search_index.hpp"

class indexer {
 public:
  explicit indexer(std::vector<std::string> roots) : roots_(std::move(roots)) {}
  /// Indexes all roots; calls take turns. Searches see the first index grow, and a later one when it is complete.
  gyre::coro<> run() {
    auto turn = co_await turn_.scoped();
    const auto work = std::make_shared<pass>();
    std::vector<gyre::task<>> builders;  // half of them wait for a file while the others count words
    for (int i = 0; i < 2 * gyre::loop_count(); ++i) builders.push_back(gyre::create_task(build(work)));
    for (const std::string& root : roots_) co_await walk(*work, root);
    for (std::size_t i = 0; i < builders.size(); ++i) co_await work->paths.put(std::nullopt);
    co_await gyre::gather(builders);
    std::atomic_store(&current_, std::make_shared<const search_index>(work->made));
    complete_ = true;
    report("indexed", *work->made.counted, "\n");
  }
  /// The index of this moment, which lives while the caller holds it.
  std::shared_ptr<const search_index> current() const { return std::atomic_load(&current_); }
  bool ready() const { return complete_ && !turn_.locked(); }

 private:
  /// What the tasks of one pass share; each keeps it alive, since the others may outlive run() when one fails.
  struct pass {
    gyre::queue<std::optional<std::string>> paths{256};  // nullopt: no more for the builder that takes it
    gyre::semaphore reads{16};
    gyre::lock publishing;  // guards made.segments
    search_index made;
  };
  // For to_thread: only values go in and out, since a cancelled caller does not wait for the thread.
  static std::vector<std::filesystem::directory_entry> list(const std::string& directory) {
    return {std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()};
  }
  static std::optional<std::string> read(const std::string& path) {  // nothing if it is unreadable or no text
    std::ifstream in(path, std::ios::binary);
    std::string text(8192, '\0');
    text.resize(std::size_t(in.read(text.data(), 8192).gcount()));
    if (!in.is_open() || in.bad() || text.find('\0') != std::string::npos) return std::nullopt;
    std::ostringstream rest;
    if (in) rest << in.rdbuf();
    return text.append(rest.view());
  }
  gyre::coro<> walk(pass& work, std::string directory) {
    std::vector<std::filesystem::directory_entry> entries;
    try {
      entries = co_await gyre::to_thread(list, std::move(directory));
    } catch (const std::filesystem::filesystem_error&) {
      ++work.made.counted->skipped;
    }
    for (const auto& entry : entries) {
      std::error_code gone;  // then it is none of these
      std::optional<std::string> path(entry.path().string());
      if (entry.is_symlink(gone)) continue;
      if (entry.is_directory(gone)) co_await walk(work, *path);
      if (entry.is_regular_file(gone)) co_await work.paths.put(std::move(path));
    }
  }
  gyre::coro<> build(std::shared_ptr<pass> work) {
    auto part = std::make_shared<segment>();
    for (bool more = true; more;) {
      std::optional<std::string> path = co_await work->paths.get();
      more = path.has_value();
      if (more) co_await add_file(*work, *part, std::move(*path));
      if (more && part->size() < 4'000'000) continue;  // about 1,500,000 words
      auto held = co_await work->publishing.scoped();
      work->made.segments.push_back(std::exchange(part, std::make_shared<segment>()));
      if (!complete_) std::atomic_store(&current_, std::make_shared<const search_index>(work->made));
    }
  }
  gyre::coro<> add_file(pass& work, segment& part, std::string path) {
    totals& counted = *work.made.counted;
    std::optional<std::string> text = co_await gyre::with(work.reads, [&] { return gyre::to_thread(read, path); });
    if (!text) co_return void(++counted.skipped);
    word_map words;
    word_reader reader(*text);
    std::uint64_t count = 0;
    for (auto word = reader.next(); !word.empty(); word = reader.next()) {
      words[word].add(reader.line);
      if (++count % 65536 == 0) co_await gyre::sleep(std::chrono::seconds(0));  // others may want this core
    }
    part.add_file(std::move(path), words);
    counted.bytes += text->size();
    counted.words += count;
    if (++counted.files % 256 == 0 && on_terminal_) report("indexing", counted, "");
  }
  void report(const char* what, const totals& so_far, const char* end) const {
    std::printf("%s%s %ju files, %ju skipped, %ju bytes, %ju words%s", on_terminal_ ? "\r\033[K" : "", what,
                so_far.files.load(), so_far.skipped.load(), so_far.bytes.load(), so_far.words.load(), end);
    std::fflush(stdout);
  }
  const std::vector<std::string> roots_;
  const bool on_terminal_ = isatty(STDOUT_FILENO) == 1;
  // Not an atomic<>: that of g++ 12 races.
  std::shared_ptr<const search_index> current_ = std::make_shared<const search_index>();
  std::atomic<bool> complete_ = false;  // the first pass is over
  gyre::lock turn_;
};
