// SPDX-License-Identifier: BSL-1.0
#pragma once
// One run as one line of flat JSON: the only thing that measured programs and the harness exchange.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// An ordered list of named numbers and texts.
class record {
 public:
  /// Reads one line; nothing when it is not a flat JSON object of numbers and plain texts.
  static std::optional<record> parse(std::string_view line);

  void set(std::string_view name, std::int64_t value);
  void set(std::string_view name, double value, int decimals);
  /// Shape: quotes and backslashes in `value` become spaces; nothing here needs them.
  void set_text(std::string_view name, std::string_view value);
  /// Takes over every field of `other`.
  void merge(const record& other);

  std::optional<double> number(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::string line() const;

 private:
  void put(std::string_view name, std::string json);
  const std::string* find(std::string_view name) const;

  std::vector<std::pair<std::string, std::string>> fields_;  // the value as JSON spells it
};

}  // namespace bench
