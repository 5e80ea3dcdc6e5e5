// SPDX-License-Identifier: BSL-1.0
#include "replay.hpp"

#include <gyre/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace gyre::testing {
namespace {

// A number at the front of `rest`, which it is taken from.
template <class T>
T take_number(std::string_view& rest, std::string_view whole) {
  T n{};
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), n);
  if (error != std::errc()) {
    throw value_error("GYRE_SEED='" + std::string(whole) +
                      "': expected SEED, SEED/LOOPS or SEED/LOOPS:DECISIONS, as 17/2:3,40-42");
  }
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return n;
}

bool take(std::string_view& rest, char c) {
  if (rest.empty() || rest.front() != c) return false;
  rest.remove_prefix(1);
  return true;
}

std::vector<std::uint64_t> take_decisions(std::string_view& rest, std::string_view whole) {
  std::vector<std::uint64_t> kept;
  if (rest.empty()) return kept;
  do {
    const auto first = take_number<std::uint64_t>(rest, whole);
    const auto last = take(rest, '-') ? take_number<std::uint64_t>(rest, whole) : first;
    constexpr std::uint64_t most = 10'000'000;
    if (last < first || last - first > most || (!kept.empty() && first <= kept.back())) {
      throw value_error("GYRE_SEED='" + std::string(whole) + "': the decisions are not in order");
    }
    for (std::uint64_t i = first; i <= last; ++i) kept.push_back(i);
  } while (take(rest, ','));
  return kept;
}

std::string quoted(const std::string& word) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace

replay replay::parse(std::string_view text) {
  replay run;
  std::string_view rest = text;
  run.seed = take_number<std::uint64_t>(rest, text);
  if (take(rest, '/')) run.loops = take_number<int>(rest, text);
  if (take(rest, ':')) run.kept = take_decisions(rest, text);
  if (!rest.empty())
    throw value_error("GYRE_SEED='" + std::string(text) + "': '" + std::string(rest) + "' makes no sense");
  return run;
}

std::string replay::text() const {
  std::string out = std::to_string(seed);
  if (loops) out += '/' + std::to_string(*loops);
  if (!kept) return out;
  out += ':';
  for (std::size_t i = 0; i < kept->size();) {
    std::size_t last = i;
    while (last + 1 < kept->size() && (*kept)[last + 1] == (*kept)[last] + 1) ++last;
    if (i != 0) out += ',';
    out += std::to_string((*kept)[i]);
    if (last != i) out += '-' + std::to_string((*kept)[last]);
    i = last + 1;
  }
  return out;
}

sim_options replay::apply(sim_options options) const {
  if (loops) options.loops(*loops);
  if (kept) options.keep_decisions(*kept);
  return options;
}

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  const std::string_view text = value;
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw value_error(std::string(name) + "='" + value + "' is not a number");
  }
  return n;
}

namespace {

std::string own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string words((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string command;
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find('\0', at), words.size());
    command += ' ' + quoted(words.substr(at, end - at));
    at = end + 1;
  }
  return command;
}

}  // namespace

std::string replay_command(const replay& run) {
  static const std::string command = own_command_line();
  return "GYRE_SEED=" + run.text() + command;
}

}  // namespace gyre::testing
