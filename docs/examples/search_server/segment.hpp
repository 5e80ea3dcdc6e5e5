// SPDX-License-Identifier: BSL-1.0
#pragma once
// Words, and the inverted index of some files. A word is a longest run of [A-Za-z0-9_], in lower case.
#include <boost/container/static_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

/// Goes through the words of a text, which turns to lower case on the way.
struct word_reader {
  explicit word_reader(std::string& text) : at(text.data()), end(at + text.size()) {}
  std::string_view next() {  ///< The next word; empty at the end of the text.
    for (; at != end && lower(*at) == 0; ++at) line += *at == '\n';
    char* const word = at;
    for (char c = 0; at != end && (c = lower(*at)) != 0; ++at) *at = c;
    return {word, static_cast<std::size_t>(at - word)};
  }
  static char lower(char c) {  ///< Gives 0 for what is not part of a word.
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ? c : '\0';
  }
  char *at, *end;
  std::uint32_t line = 1;  // of the last word
};

/// How often a word occurs in a file, and the first ten lines that hold it.
struct occurrences {
  void add(std::uint32_t line) {
    ++count;
    if (lines.size() < 10 && (lines.empty() || lines.back() != line)) lines.push_back(line);
  }
  std::uint32_t count = 0;
  boost::container::static_vector<std::uint32_t, 10> lines;
};
using word_map = boost::unordered_flat_map<std::string_view, occurrences>;

/// Goes through the files that hold a word, from the last one down.
struct postings {
  const std::uint32_t* records;  // each: index of the record before it or 0, file, count * 16 + number of lines, lines
  std::uint32_t at;
  std::uint32_t file() const { return records[at + 1]; }
  std::uint32_t count() const { return records[at + 2] / 16; }
  std::span<const std::uint32_t> lines() const { return {records + at + 3, records[at + 2] % 16}; }
  bool seek(std::int64_t to) {  ///< Goes to file `to` or the next lower one; false if there is none.
    while (at != 0 && file() > to) at = records[at];
    return at != 0;
  }
};

/// One task fills it; then it never changes, and any task may search it.
class segment {
 public:
  void add_file(std::string path, const word_map& words) {
    for (const auto& [word, seen] : words) {
      auto found = newest_.find(word);
      if (found == newest_.end()) {
        char* const key = static_cast<char*>(characters_.allocate(word.size(), 1));
        found = newest_.emplace(std::string_view(key, word.copy(key, word.size())), 0).first;
      }
      const auto before = std::exchange(found->second, std::uint32_t(records_.size()));
      const auto counts = seen.count * 16 + std::uint32_t(seen.lines.size());
      records_.insert(records_.end(), {before, std::uint32_t(files_.size()), counts});
      records_.insert(records_.end(), seen.lines.begin(), seen.lines.end());
    }
    files_.push_back(std::move(path));
  }
  postings find(std::string_view word) const {
    const auto found = newest_.find(word);
    return {records_.data(), found == newest_.end() ? 0 : found->second};
  }
  const std::string& file(std::int64_t number) const { return files_[number]; }
  std::size_t size() const { return records_.size(); }

 private:
  std::pmr::monotonic_buffer_resource characters_;                     // what the keys of newest_ point at
  boost::unordered_flat_map<std::string_view, std::uint32_t> newest_;  // the last record of each word
  std::vector<std::uint32_t> records_{0};
  std::vector<std::string> files_;
};
