// SPDX-License-Identifier: BSL-1.0
// A process names its groups by paths in /proc/self/cgroup: `0::/path` for version 2, `N:cpu,cpuacct:/path` for a hierarchy of
// version 1. Where such a hierarchy is mounted, and which of its groups is the mount's top, is in /proc/self/mountinfo: in a
// container the path may be one of the host's, and what is mounted is the container's own group.
#include "cgroup.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <vector>

namespace gyre::detail {
namespace {

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view first_word(std::string_view& text) noexcept {
  constexpr std::string_view blanks = " \t\n";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  return word;
}

std::optional<long long> number(std::string_view word) noexcept {
  long long value = 0;
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failure != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<int> cores(std::optional<long long> quota, std::optional<long long> period) noexcept {
  constexpr long long most = 1 << 20;
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  const long long whole = *quota / *period + (*quota % *period != 0 ? 1 : 0);
  return static_cast<int>(std::min(whole, most));
}

std::optional<int> smaller(std::optional<int> a, std::optional<int> b) noexcept {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

std::string read_file(const std::string& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

// One hierarchy: where it is mounted, the group that is mounted there, and the group of this process.
struct hierarchy {
  std::string mounted_at;
  std::string top;
  std::string own;
  bool unified = false;
};

bool has_word(std::string_view list, std::string_view word) {
  const auto words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// mountinfo: ID PARENT DEVICE ROOT MOUNT_POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER_OPTIONS, see proc(5).
void find_mount(std::string_view mountinfo, hierarchy& h) {
  for (const std::string_view line : split(mountinfo, '\n')) {
    const auto words = split(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    const bool fits = h.unified ? dash[1] == "cgroup2" : dash[1] == "cgroup" && has_word(dash[3], "cpu");
    if (!fits) continue;
    h.top = words[3];
    h.mounted_at = words[4];
    return;
  }
}

// The own group below the mount; the mount itself if the group is not one of its (a path of another name space).
std::string below_mount(const hierarchy& h) {
  if (h.top == "/") return h.own == "/" || h.own.find("/..") != std::string::npos ? std::string() : h.own;
  const bool inside = h.own.rfind(h.top, 0) == 0 && (h.own.size() == h.top.size() || h.own[h.top.size()] == '/');
  return inside ? h.own.substr(h.top.size()) : std::string();
}

std::optional<int> quota_of(const std::string& folder, bool unified) {
  if (unified) return cores_of_cpu_max(read_file(folder + "/cpu.max"));
  return cores_of_cfs(read_file(folder + "/cpu.cfs_quota_us"), read_file(folder + "/cpu.cfs_period_us"));
}

std::optional<int> smallest_quota(const std::string& root, const hierarchy& h) {
  std::optional<int> least;
  std::string group = below_mount(h);
  for (;;) {
    least = smaller(least, quota_of(root + h.mounted_at + group, h.unified));
    if (group.empty()) return least;
    group.resize(std::min(group.rfind('/'), group.size()));
  }
}

}  // namespace

std::optional<int> cores_of_cpu_max(std::string_view text) noexcept {
  const std::string_view quota = first_word(text);
  return cores(number(quota), number(first_word(text)));
}

std::optional<int> cores_of_cfs(std::string_view quota, std::string_view period) noexcept {
  return cores(number(first_word(quota)), number(first_word(period)));
}

std::optional<int> cores_of_cgroups(const std::string& root) {
  const std::string groups = read_file(root + "/proc/self/cgroup");
  const std::string mountinfo = read_file(root + "/proc/self/mountinfo");
  std::optional<int> least;
  for (const std::string_view line : split(groups, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    hierarchy h;
    h.unified = parts[0] == "0" && parts[1].empty();
    if (!h.unified && !has_word(parts[1], "cpu")) continue;
    h.own = line.substr(parts[0].size() + parts[1].size() + 2);  // a path may have colons
    find_mount(mountinfo, h);
    if (!h.mounted_at.empty()) least = smaller(least, smallest_quota(root, h));
  }
  return least;
}

}  // namespace gyre::detail
