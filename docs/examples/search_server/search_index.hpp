// SPDX-License-Identifier: BSL-1.0
#pragma once
// The index of all files, and the search in it. A file lies in one segment, so each is searched by itself.
#include <algorithm>
#include <atomic>
#include <memory>

#include "segment.hpp"

struct hit {
  hit(std::string_view path, std::uint64_t of_all, const std::vector<postings>& words) : file(path), count(of_all) {
    for (const postings& word : words) lines.insert(lines.end(), word.lines().begin(), word.lines().end());
    std::sort(lines.begin(), lines.end());
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
    if (lines.size() > 10) lines.resize(10);
  }
  bool operator<(const hit& other) const { return count != other.count ? count > other.count : file < other.file; }
  std::string_view file;             // lives as long as the index
  std::uint64_t count;               // of all words together
  std::vector<std::uint32_t> lines;  // the first ten that hold any of the words
};

struct totals {
  std::atomic<std::uint64_t> files = 0, skipped = 0, bytes = 0, words = 0;
};

struct search_index {
  std::vector<std::shared_ptr<const segment>> segments;
  std::shared_ptr<totals> counted = std::make_shared<totals>();  // goes on while the first index grows
  /// Finds the files that hold all `words` (lower case, each once): the `limit` best, and the number of all.
  std::pair<std::vector<hit>, std::uint64_t> find(const std::vector<std::string>& words, std::size_t limit) const {
    std::vector<hit> best;
    std::uint64_t total = 0, least = 0;  // `least` is what a file must count to be among the best
    for (const auto& part : segments) {
      std::vector<postings> each;
      for (const std::string& word : words) each.push_back(part->find(word));
      for (std::int64_t file = INT64_MAX; align(each, file); --file, ++total) {
        std::uint64_t count = 0;
        for (const postings& word : each) count += word.count();
        if (count >= least) best.emplace_back(part->file(file), count, each);
      }
      std::sort(best.begin(), best.end());
      if (best.size() > limit) best.erase(best.begin() + limit, best.end());
      if (best.size() == limit && limit > 0) least = best.back().count;
    }
    return {std::move(best), total};
  }
  /// Lowers `file` to the first one that all words share; false when they share no more.
  static bool align(std::vector<postings>& words, std::int64_t& file) {
    for (std::size_t i = 0, agreeing = 0; agreeing < words.size(); i = (i + 1) % words.size()) {
      if (!words[i].seek(file)) return false;
      agreeing = words[i].file() == file ? agreeing + 1 : 1;
      file = words[i].file();
    }
    return !words.empty();
  }
};
