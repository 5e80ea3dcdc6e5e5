// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the server answers to each request.
#include <boost/json.hpp>
#include <boost/url.hpp>
#include <charconv>
#include <set>

#include "http_server.hpp"
#include "indexer.hpp"
#include "page.hpp"

struct service {
  const indexer& files;
  std::atomic<std::uint64_t> requests = 0;
  response answer(const request& asked) {
    ++requests;
    if (asked.method() == http::verb::unknown) return text(http::status::not_implemented);
    const bool reads = asked.method() == http::verb::get || asked.method() == http::verb::head;
    if (!reads) return text(http::status::method_not_allowed);
    const auto target = boost::urls::parse_uri_reference(asked.target());
    if (!target) return text(http::status::bad_request);
    const std::string_view path = target->encoded_path();
    if (path == "/") return text(http::status::ok, page, "text/html; charset=utf-8");
    if (path == "/healthz") return text(http::status::ok, "ok");
    if (path == "/stats") return text(http::status::ok, stats(), "application/json");
    return path == "/search" ? search(target->params()) : text(http::status::not_found);
  }
  std::string stats() const {
    const auto counted = files.current()->counted;
    const gyre::runtime_stats loops = gyre::current_runtime().stats();
    boost::json::object all{{"state", files.ready() ? "ready" : "indexing"}, {"files", counted->files.load()}};
    all.insert({{"skipped", counted->skipped.load()}, {"bytes", counted->bytes.load()}});
    all.insert({{"tokens", counted->words.load()}, {"loops", loops.loops}, {"tasks_run", loops.tasks_run}});
    all.insert({{"steals", loops.steals}, {"parks", loops.parks}, {"requests", requests.load()}});
    return boost::json::serialize(all);
  }

 private:
  static response text(http::status status, std::string body = "refused\n", std::string_view type = "text/plain") {
    response made(status, 11, std::move(body));
    made.set(http::field::content_type, type);
    made.set(http::field::allow, "GET, HEAD");
    return made;
  }
  /// `q` holds the words; `limit` is the number of hits to tell: 20 unless given, and never above 100,000.
  response search(const boost::urls::params_view& params) const {
    const auto q = params.find("q"), limit = params.find("limit");
    const std::string digits = limit == params.end() ? "20" : (*limit).value;
    const char* const last = digits.data() + digits.size();
    std::size_t most = 0;
    const auto [end, error] = std::from_chars(digits.data(), last, most);
    if (q == params.end() || error != std::errc() || end != last) return text(http::status::bad_request);
    std::string query = (*q).value;
    word_reader reader(query);
    std::set<std::string> words;  // each counts once
    for (auto word = reader.next(); !word.empty(); word = reader.next()) words.emplace(word);
    const auto index = files.current();
    const auto [best, total] = index->find({words.begin(), words.end()}, std::min<std::size_t>(most, 100'000));
    boost::json::array hits;
    for (const auto& [file, count, lines] : best) {
      boost::json::array first(lines.begin(), lines.end());
      hits.push_back({{"file", to_utf8(std::string(file))}, {"count", count}, {"lines", std::move(first)}});
    }
    boost::json::object all{{"query", to_utf8((*q).value)}, {"total", total}, {"hits", std::move(hits)}};
    return text(http::status::ok, boost::json::serialize(all), "application/json");
  }
  /// JSON is UTF-8, but file names and queries may hold any bytes. Expects that main() has set a UTF-8 locale.
  static std::string to_utf8(std::string text) {
    const bool valid = text.find('\0') == text.npos && std::mbstowcs(nullptr, text.c_str(), 0) != text.npos;
    for (char& c : text) c = valid || (c > 0 && c < 127) ? c : '?';
    return text;
  }
};
