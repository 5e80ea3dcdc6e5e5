// SPDX-License-Identifier: BSL-1.0
#include "record.hpp"

#include <cstdio>
#include <cstdlib>

namespace bench {
namespace {

constexpr std::string_view blanks = " \t\r\n";

void skip_blanks(std::string_view& rest) {
  const std::size_t first = rest.find_first_not_of(blanks);
  rest.remove_prefix(first == std::string_view::npos ? rest.size() : first);
}

bool take(std::string_view& rest, char expected) {
  skip_blanks(rest);
  if (rest.empty() || rest.front() != expected) return false;
  rest.remove_prefix(1);
  return true;
}

/// A quoted text (quotes included) or a bare number, as it stands; empty when there is neither.
std::string take_value(std::string_view& rest) {
  skip_blanks(rest);
  std::size_t end = 0;
  if (!rest.empty() && rest.front() == '"') {
    end = rest.find('"', 1);
    end = end == std::string_view::npos ? 0 : end + 1;
  } else {
    end = rest.find_first_not_of("+-.0123456789eE");
    if (end == std::string_view::npos) end = 0;
  }
  std::string value(rest.substr(0, end));
  rest.remove_prefix(end);
  return value;
}

std::string unquote(const std::string& json) {
  return json.size() >= 2 && json.front() == '"' ? json.substr(1, json.size() - 2) : json;
}

}  // namespace

std::optional<record> record::parse(std::string_view line) {
  record result;
  if (!take(line, '{')) return std::nullopt;
  do {
    const std::string name = take_value(line);
    if (name.size() < 2 || !take(line, ':')) return std::nullopt;
    std::string value = take_value(line);
    if (value.empty()) return std::nullopt;
    result.put(unquote(name), std::move(value));
  } while (take(line, ','));
  if (!take(line, '}')) return std::nullopt;
  return result;
}

void record::put(std::string_view name, std::string json) {
  for (auto& [known, value] : fields_) {
    if (known == name) {
      value = std::move(json);
      return;
    }
  }
  fields_.emplace_back(name, std::move(json));
}

const std::string* record::find(std::string_view name) const {
  for (const auto& [known, value] : fields_) {
    if (known == name) return &value;
  }
  return nullptr;
}

void record::set(std::string_view name, std::int64_t value) { put(name, std::to_string(value)); }

void record::set(std::string_view name, double value, int decimals) {
  char buffer[64];
  const int length = std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  put(name, std::string(buffer, static_cast<std::size_t>(length)));
}

void record::set_text(std::string_view name, std::string_view value) {
  std::string json = "\"";
  for (const char c : value) json += c == '"' || c == '\\' ? ' ' : c;
  put(name, json + '"');
}

void record::merge(const record& other) {
  for (const auto& [name, value] : other.fields_) put(name, value);
}

std::optional<double> record::number(std::string_view name) const {
  const std::string* value = find(name);
  if (value == nullptr || value->front() == '"') return std::nullopt;
  return std::strtod(value->c_str(), nullptr);
}

std::string record::text(std::string_view name) const {
  const std::string* value = find(name);
  return value == nullptr ? std::string() : unquote(*value);
}

std::string record::line() const {
  std::string out = "{";
  for (const auto& [name, value] : fields_) {
    if (out.size() > 1) out += ',';
    out += '"' + name + "\":" + value;
  }
  return out + '}';
}

}  // namespace bench
