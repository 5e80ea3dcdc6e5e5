// SPDX-License-Identifier: BSL-1.0
#include "table.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "summary.hpp"

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

std::string cell(const std::optional<summary>& value, const std::optional<summary>& gyre, bool own, bool ratios) {
  if (!value) return "-";
  char note[32] = "";
  if (own) {
    std::snprintf(note, sizeof note, " +-%.0f%%", value->spread * 50);
  } else if (ratios && gyre && value->median > 0) {
    std::snprintf(note, sizeof note, " (%.2fx)", gyre->median / value->median);
  }
  return short_number(value->median) + (value->disturbed ? "~" : "") + note;
}

using line = std::vector<std::string>;

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
      const auto asked = [&](std::string_view runtime) {
        return question{work.name, loops, runtime, shown.field, shown.scale};
      };
      const auto gyre = summarise(measured, asked("gyre"));
      for (const contestant& who : what.contestants) {
        if (who.argv.empty()) continue;
        const auto value = summarise(measured, asked(who.name));
        any = any || value.has_value();
        cells.push_back(cell(value, gyre, who.own, shown.ratios));
      }
      if (any) lines.push_back(cells);
    }
  }
  if (lines.size() == 1) return;
  std::printf("\n%s\n", shown.title);
  print_aligned(lines, 1);
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
