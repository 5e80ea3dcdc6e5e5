// SPDX-License-Identifier: BSL-1.0
#include "table.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace bench {
namespace {

/// One table: a field of the records.
struct figure {
  const char* title;
  const char* field;
  double scale;
  bool ratios;
};

constexpr figure figures[] = {
    {"Time, ns per operation", "ns_per_op", 1, true},
    {"Processor time of all threads, ns per operation (echo: of the server)", "cpu_ns_per_op", 1, true},
    {"Sleepers: time over the second that the last one sleeps, ms", "over_ideal_s", 1000, true},
    {"Latency, median, us", "p50_us", 1, true},
    {"Latency, 99th percentile, us", "p99_us", 1, false},
    {"Peak resident memory, MiB", "max_rss_kb", 1.0 / 1024, false},
    {"Memory that a live task adds, bytes", "bytes_per_task", 1, true},
};

/// The middle of some runs, and how far they lie apart.
struct summary {
  double median = 0;
  double spread = 0;  ///< (largest - smallest) / median
  bool disturbed = false;
};

constexpr double tolerated_disturbance = 0.10;

bool disturbed(const record& run) { return run.number("disturbed").value_or(0) > tolerated_disturbance; }

std::vector<double> values_of(const results& measured, const workload_info& work, int loops, const std::string& runtime,
                              const figure& what, bool with_disturbed) {
  std::vector<double> values;
  for (const record& run : measured.runs) {
    if (run.text("workload") != work.name || run.text("runtime") != runtime) continue;
    if (run.number("threads").value_or(0) != loops || (!with_disturbed && disturbed(run))) continue;
    if (const auto value = run.number(what.field)) values.push_back(*value * what.scale);
  }
  return values;
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Disturbed runs count only where there is no other.
std::optional<summary> summarise(const results& measured, const workload_info& work, int loops,
                                 const std::string& runtime, const figure& what) {
  summary result;
  std::vector<double> values = values_of(measured, work, loops, runtime, what, false);
  if (values.empty()) {
    values = values_of(measured, work, loops, runtime, what, true);
    result.disturbed = true;
  }
  if (values.empty()) return std::nullopt;
  result.median = median(values);
  if (result.median > 0) result.spread = (values.back() - values.front()) / result.median;
  return result;
}

std::string number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
  return buffer;
}

std::string cell(const std::optional<summary>& value, const std::optional<summary>& gyre, bool own, bool ratios) {
  if (!value) return "-";
  char note[32] = "";
  if (own) {
    std::snprintf(note, sizeof note, " +-%.0f%%", value->spread * 50);
  } else if (ratios && gyre && value->median > 0) {
    std::snprintf(note, sizeof note, " (%.2fx)", gyre->median / value->median);
  }
  return number(value->median) + (value->disturbed ? "~" : "") + note;
}

using line = std::vector<std::string>;

void print_aligned(const std::vector<line>& lines) {
  for (const line& cells : lines) {
    for (std::size_t column = 0; column < cells.size(); ++column) {
      std::size_t width = 0;
      for (const line& other : lines) width = std::max(width, other[column].size());
      std::printf(column == 0 ? "%-*s" : "  %*s", static_cast<int>(width), cells[column].c_str());
    }
    std::puts("");
  }
}

void print_figure(const plan& what, const results& measured, const figure& shown) {
  line header{"workload", "loops"};
  for (const contestant& who : what.contestants) {
    if (!who.argv.empty()) header.push_back(who.name);
  }
  std::vector<line> lines{header};
  for (const workload_info& work : what.workloads) {
    for (const int loops : what.loops) {
      line cells{std::string(work.name), std::to_string(loops)};
      bool any = false;
      const auto gyre = summarise(measured, work, loops, "gyre", shown);
      for (const contestant& who : what.contestants) {
        if (who.argv.empty()) continue;
        const auto value = summarise(measured, work, loops, who.name, shown);
        any = any || value.has_value();
        cells.push_back(cell(value, gyre, who.name == "gyre", shown.ratios));
      }
      if (any) lines.push_back(cells);
    }
  }
  if (lines.size() == 1) return;
  std::printf("\n%s\n", shown.title);
  print_aligned(lines);
}

}  // namespace

void print_tables(const plan& what, const results& measured) {
  std::printf("Medians of %d runs, each in a process of its own. (0.50x): gyre needs half of that peer.\n", what.runs);
  std::puts("+-: half of the spread. ~: every run was disturbed by other processes.");
  for (const figure& shown : figures) print_figure(what, measured, shown);
  std::puts("");
  for (const contestant& who : what.contestants) {
    if (who.argv.empty()) std::printf("%s: not installed (%s)\n", who.name.c_str(), who.needs.c_str());
  }
}

}  // namespace bench
