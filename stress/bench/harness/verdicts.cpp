// SPDX-License-Identifier: BSL-1.0
#include "verdicts.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "goals.hpp"
#include "summary.hpp"

namespace bench {
namespace {

using line = std::vector<std::string>;

/// A figure of gyre or of a rival, and where it is from.
struct figure {
  double value = 0;
  std::string source;  ///< the compiler of gyre's build; of a published figure the version
  bool published = false;
  bool disturbed = false;
};

/// The records of published.jsonl beside this program; lines that are no records are comments.
std::vector<record> read_published(const std::string& self) {
  std::vector<record> found;
  std::ifstream file(self.substr(0, self.rfind('/')) + "/published.jsonl");
  for (std::string text; std::getline(file, text);) {
    if (auto parsed = record::parse(text)) found.push_back(std::move(*parsed));
  }
  return found;
}

std::string with_unit(double value, std::string_view unit) {
  return short_number(value) + (unit.empty() ? "" : " ") + std::string(unit);
}

std::string times(double ratio, const char* format) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, format, ratio);
  return buffer;
}

class judge {
 public:
  judge(const plan& what, const results& measured)
      : what_(what), measured_(measured), published_(read_published(what.self)) {}

  /// One line of the table; nothing when gyre was not measured.
  std::optional<line> line_of(const goal& wanted, int loops) {
    std::vector<figure> builds = builds_of(wanted, loops);
    if (builds.empty()) return std::nullopt;
    const figure& best = builds.front();
    const std::optional<figure> rival = rival_of(wanted, loops);
    std::string others;
    for (std::size_t i = 1; i < builds.size(); ++i) {
      others += (i > 1 ? ", " : "") + short_number(builds[i].value) + " " + builds[i].source;
    }
    line cells{std::string(wanted.row), std::to_string(loops)};
    cells.push_back(with_unit(best.value, wanted.unit) + (best.disturbed ? "~" : ""));
    cells.push_back(best.source);
    cells.push_back(others.empty() ? "-" : others);
    cells.push_back(wanted.rival.empty() ? "-" : std::string(wanted.rival));
    cells.push_back(rival ? with_unit(rival->value, wanted.unit) + (rival->published ? "*" : "") : "-");
    cells.push_back(rival && rival->value > 0 ? times(best.value / rival->value, "%.2fx") : "-");
    cells.push_back(bar_of(wanted));
    cells.push_back(verdict(wanted, best.value, rival));
    cells.push_back(wanted.aim.empty() ? "-" : std::string(wanted.aim));
    return cells;
  }

  std::vector<std::string> notes() const {
    std::vector<std::string> lines;
    for (const auto& [runtime, version] : quoted_) lines.push_back("* published: " + runtime + " " + version);
    lines.push_back(std::to_string(met_) + " met, " + std::to_string(missed_) + " missed");
    return lines;
  }

 private:
  /// gyre's builds that measured this, the best one first.
  std::vector<figure> builds_of(const goal& wanted, int loops) const {
    std::vector<figure> builds;
    for (const contestant& who : what_.contestants) {
      if (!who.own) continue;
      const auto value = summarise(measured_, {wanted.workload, loops, who.name, wanted.field, wanted.scale});
      if (value) builds.push_back({value->median, who.about.text("compiler"), false, value->disturbed});
    }
    std::sort(builds.begin(), builds.end(), [](const figure& a, const figure& b) { return a.value < b.value; });
    return builds;
  }

  std::optional<figure> rival_of(const goal& wanted, int loops) {
    const question asked{wanted.workload, loops, wanted.rival, wanted.field, wanted.scale};
    if (const auto value = summarise(measured_, asked)) return figure{value->median, "", false, value->disturbed};
    for (const record& each : published_) {
      if (each.text("runtime") != wanted.rival || each.text("workload") != wanted.workload) continue;
      const auto value = each.number(wanted.field);
      if (each.number("threads").value_or(0) != loops || !value) continue;
      quoted_[std::string(wanted.rival)] = each.text("version");
      return figure{*value * wanted.scale, each.text("version"), true, false};
    }
    return std::nullopt;
  }

  static std::string bar_of(const goal& wanted) {
    if (wanted.most >= 0) return times(wanted.most, "<= %.0f ") + std::string(wanted.unit);
    return wanted.ratio > 0 ? times(wanted.ratio, "<= %.2fx") : "-";
  }

  std::string verdict(const goal& wanted, double own, const std::optional<figure>& rival) {
    if (what_.quick) return "-";  // sizes too small to judge
    bool holds = false;
    if (wanted.most >= 0) {
      holds = own <= wanted.most;
    } else if (wanted.ratio > 0 && rival && rival->value > 0) {
      holds = own <= wanted.ratio * rival->value;
    } else {
      return "-";
    }
    ++(holds ? met_ : missed_);
    return holds ? "met" : "MISSED";
  }

  const plan& what_;
  const results& measured_;
  std::vector<record> published_;
  std::map<std::string, std::string> quoted_;
  int met_ = 0;
  int missed_ = 0;
};

/// What the kernel calls the processor.
std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string text; std::getline(info, text);) {
    const std::size_t colon = text.find(": ");
    if (text.rfind("model name", 0) == 0 && colon != std::string::npos) return text.substr(colon + 2);
  }
  return "unknown processor";
}

void write_markdown(const plan& what, const std::vector<line>& lines, const std::vector<std::string>& notes) {
  std::fprintf(what.markdown, "<!-- written by ./dev bench --markdown FILE -->\n");
  std::fprintf(what.markdown, "Medians of %d runs on %s, %u processors", what.runs, processor().c_str(),
               std::thread::hardware_concurrency());
  for (const contestant& who : what.contestants) {
    if (!who.own) continue;
    std::fprintf(what.markdown, "; %s, %s", who.about.text("compiler").c_str(), who.about.text("build").c_str());
  }
  std::fprintf(what.markdown, "%s%s.\n\n", what.commit.empty() ? "" : "; commit ", what.commit.c_str());
  for (std::size_t row = 0; row < lines.size(); ++row) {
    for (const std::string& cell : lines[row]) std::fprintf(what.markdown, "| %s ", cell.c_str());
    std::fputs("|\n", what.markdown);
    for (std::size_t i = 0; row == 0 && i < lines[0].size(); ++i) std::fputs("|---", what.markdown);
    if (row == 0) std::fputs("|\n", what.markdown);
  }
  std::fputs("\n", what.markdown);
  for (const std::string& note : notes) std::fprintf(what.markdown, "- %s\n", note.c_str() + (note[0] == '*' ? 2 : 0));
}

}  // namespace

void print_verdicts(const plan& what, const results& measured) {
  judge table(what, measured);
  std::vector<line> lines{
      {"workload", "loops", "gyre", "by", "other build", "peer", "its figure", "ratio", "bar", "", "aim"}};
  for (const goal& wanted : goals()) {
    for (int loops = wanted.fewest_loops; loops <= wanted.most_loops; ++loops) {
      if (auto cells = table.line_of(wanted, loops)) lines.push_back(std::move(*cells));
    }
  }
  if (lines.size() == 1) return;
  std::printf("\nMedians of %d runs. Ratio: gyre / peer. *: published, not measured here. ~: disturbed.%s\n", what.runs,
              what.quick ? " Sizes too small to judge." : "");
  print_aligned(lines, 1);
  const std::vector<std::string> notes = table.notes();
  for (const std::string& note : notes) std::puts(note.c_str());
  if (what.markdown != nullptr) write_markdown(what, lines, notes);
}

}  // namespace bench
