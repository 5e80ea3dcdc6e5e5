// SPDX-License-Identifier: BSL-1.0
// gyre-scenario: runs scenarios on gyre and prints their traces as oracle.py does. See README.md.
#include "run.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

namespace {

using namespace conformance;

struct command_line {
  std::vector<std::string> files{"-"};
  run_plan plan;
  bool digest = false;
  bool statistics = false;
  std::vector<std::string> only;
};

class session {
 public:
  explicit session(const command_line& asked) : asked_(asked) {}

  void run_file(const std::string& name) {
    if (name == "-") {
      run_lines(std::cin);
      return;
    }
    std::ifstream file(name);
    if (!file) throw std::runtime_error("cannot open " + name);
    run_lines(file);
  }

  void finish() const {
    if (!asked_.statistics) return;
    std::fprintf(stderr, "%zu scenarios, %llu gathers, %llu of them of coroutines\n", run_,
                 static_cast<unsigned long long>(sums_.gathers), static_cast<unsigned long long>(sums_.of_coroutines));
  }

 private:
  void run_lines(std::istream& lines) {
    for (std::string line; std::getline(lines, line);) {
      if (line.find_first_not_of(" \t\r") != std::string::npos) run_line(line);
    }
  }

  bool wants(const std::string& id) const {
    return asked_.only.empty() || std::find(asked_.only.begin(), asked_.only.end(), id) != asked_.only.end();
  }

  void run_line(const std::string& line) {
    const scenario program = parse_scenario(line);
    if (!wants(program.id)) return;
    ++run_;
    print(program.id, trace_of(program, asked_.plan, sums_));
  }

  void print(const std::string& id, const std::vector<std::string>& lines) const {
    std::string out;
    if (asked_.digest) {
      out = id + ' ' + digest_of(lines) + '\n';
    } else {
      out = "{\"scenario\": ";
      append_json(out, id);
      out += "}\n";
      for (const std::string& each : lines) out += each + '\n';
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);  // whatever the next one does, this one is done
  }

  const command_line& asked_;
  counts sums_;
  std::size_t run_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  command_line asked;
  CLI::App options("Runs scenarios on gyre, on a virtual clock, and prints their traces.");
  options.add_option("files", asked.files, "a scenario a line; - is the standard input");
  options.add_option("--loops", asked.plan.loops, "how many event loops")
      ->check(CLI::Range(1, 255))
      ->capture_default_str();
  options.add_option("--seed", asked.plan.seed, "of the schedule")->capture_default_str();
  options.add_flag("--fork-join", asked.plan.fork_join, "fork_join order on one loop, too");
  options.add_flag("--digest", asked.digest, "print id and SHA-256 of each trace");
  options.add_flag("--statistics", asked.statistics, "say at the end how much was run");
  options.add_option("--only", asked.only, "the id of a scenario; leaves out the others");
  CLI11_PARSE(options, argc, argv);
  try {
    session s(asked);
    for (const std::string& each : asked.files) s.run_file(each);
    s.finish();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "gyre-scenario: %s\n", e.what());
    return 2;
  }
}
