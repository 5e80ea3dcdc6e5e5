// SPDX-License-Identifier: BSL-1.0
#include "summary.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace bench {
namespace {

constexpr double tolerated_disturbance = 0.10;

bool disturbed(const record& run) { return run.number("disturbed").value_or(0) > tolerated_disturbance; }

std::vector<double> values_of(const results& measured, const question& asked, bool with_disturbed) {
  std::vector<double> values;
  for (const record& run : measured.runs) {
    if (run.text("workload") != asked.workload || run.text("runtime") != asked.runtime) continue;
    if (run.number("threads").value_or(0) != asked.loops || (!with_disturbed && disturbed(run))) continue;
    if (const auto value = run.number(asked.field)) values.push_back(*value * asked.scale);
  }
  return values;
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

std::optional<summary> summarise(const results& measured, const question& asked) {
  summary result;
  std::vector<double> values = values_of(measured, asked, false);
  if (values.empty()) {
    values = values_of(measured, asked, true);
    result.disturbed = true;
  }
  if (values.empty()) return std::nullopt;
  result.median = median(values);
  if (result.median > 0) result.spread = (values.back() - values.front()) / result.median;
  return result;
}

std::string short_number(double value) {
  char buffer[32];
  const char* format = value >= 100 || value == 0 ? "%.0f" : value >= 10 ? "%.1f" : value >= 1 ? "%.2f" : "%.3f";
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

void print_aligned(const std::vector<std::vector<std::string>>& lines, std::size_t left) {
  for (const auto& cells : lines) {
    for (std::size_t column = 0; column < cells.size(); ++column) {
      std::size_t width = 0;
      for (const auto& other : lines) width = std::max(width, other[column].size());
      if (column > 0) std::fputs("  ", stdout);
      std::printf(column < left ? "%-*s" : "%*s", static_cast<int>(width), cells[column].c_str());
    }
    std::puts("");
  }
}

}  // namespace bench
