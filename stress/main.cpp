// SPDX-License-Identifier: BSL-1.0
// gyre-stress: scenarios that look for races, lost wake-ups and leaks, on real loops and in simulation, from a printed seed.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "harness/session.hpp"

namespace {

/// What the command line says, before it is checked against what exists.
struct options {
  std::vector<std::string> names;
  std::vector<int> loops{1, 2, 8, 64};
  double seconds = 0;
  std::uint64_t rounds = 0;
  std::uint64_t seeds = 0;
  std::string seed;
  int hang_limit = 60;
  bool simulate = false;
  bool quick = false;
  bool list = false;
};

void declare(CLI::App& app, options& wanted) {
  app.add_option("name", wanted.names, "scenarios (default: all; see --list)");
  app.add_option("--seconds", wanted.seconds, "how long, all scenarios together (default 10)")
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", wanted.rounds, "that many rounds of each, instead of a time")->check(CLI::PositiveNumber);
  app.add_option("--seed", wanted.seed,
                 "of the first round; the next has the next number (default: GYRE_SEED, else random)");
  app.add_option("--loops", wanted.loops, "numbers of loops, with commas (default 1,2,8,64)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 255));
  app.add_option("--hang-limit", wanted.hang_limit, "seconds after which a round counts as hanging (default 60)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--quick", wanted.quick, "small rounds");
  app.add_flag("--simulate", wanted.simulate, "run what can be simulated, on one thread and a virtual clock");
  app.add_option("--seeds", wanted.seeds, "with --simulate: that many seeds of each scenario (default 1000)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--list", wanted.list, "list the scenarios and leave");
}

std::uint64_t choose_seed(const options& wanted) {
  const char* const text = wanted.seed.empty() ? std::getenv("GYRE_SEED") : wanted.seed.c_str();
  if (text != nullptr) return std::strtoull(text, nullptr, 10);
  return std::random_device()() % 1'000'000'000;
}

std::vector<storm::scenario> choose_scenarios(const options& wanted) {
  std::vector<storm::scenario> found;
  for (const storm::scenario& each : storm::catalogue()) {
    const bool named = std::find(wanted.names.begin(), wanted.names.end(), each.name) != wanted.names.end();
    if (!named && !wanted.names.empty()) continue;
    if (wanted.simulate && each.body == nullptr) {
      if (named) throw CLI::ValidationError(std::string(each.name), "this scenario cannot be simulated");
      continue;
    }
    found.push_back(each);
  }
  for (const std::string& name : wanted.names) {
    const auto known = [&](const storm::scenario& each) { return each.name == name; };
    if (std::none_of(found.begin(), found.end(), known))
      throw CLI::ValidationError(name, "no such scenario; see --list");
  }
  return found;
}

int list_scenarios() {
  for (const storm::scenario& each : storm::catalogue()) {
    std::printf("%-20s %c  %s\n", each.name.data(), each.body == nullptr ? ' ' : 's', each.about.data());
  }
  std::printf("\ns: also in simulation (--simulate)\n");
  return 0;
}

/// 64 loops have some descriptors each, and the chaos peer has sockets.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run(const options& wanted, const char* program) {
  storm::plan what;
  what.program = program;
  what.scenarios = choose_scenarios(wanted);
  what.loops = wanted.loops;
  what.seed = choose_seed(wanted);
  what.simulate = wanted.simulate;
  what.quick = wanted.quick;
  what.hang_limit = std::chrono::seconds(wanted.hang_limit);
  if (wanted.seeds > 0) what.rounds = wanted.seeds;
  if (wanted.rounds > 0) what.rounds = wanted.rounds;
  if (wanted.seconds > 0) what.seconds = std::chrono::duration<double>(wanted.seconds);
  if (!what.rounds && !what.seconds) {
    if (wanted.simulate) {
      what.rounds = 1000;
    } else {
      what.seconds = std::chrono::duration<double>(10);
    }
  }
  return storm::session(what).run();
}

}  // namespace

int main(int argc, char** argv) {
  options wanted;
  CLI::App app{"Stress for gyre on this machine: ends with `N passed, N failed`, and prints the seed of every failure.",
               "gyre-stress"};
  declare(app, wanted);
  try {
    app.parse(argc, argv);
    if (wanted.list) return list_scenarios();
    allow_many_descriptors();
    return run(wanted, argv[0]);
  } catch (const CLI::Error& error) {
    return app.exit(error);
  }
}
