// SPDX-License-Identifier: BSL-1.0
// gyre-bench: measures gyre, beside its peers if asked, and prints tables of medians.
// The same program is also what it starts: `--child WORKLOAD ...` runs one workload, `--load ...` generates echo load.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "harness/echo_load.hpp"
#include "harness/goals.hpp"
#include "harness/program.hpp"
#include "harness/session.hpp"
#include "harness/table.hpp"
#include "harness/verdicts.hpp"

namespace {

#ifdef __clang__
constexpr const char* compiler = "clang";
constexpr int compiler_version[] = {__clang_major__, __clang_minor__, __clang_patchlevel__};
#else
constexpr const char* compiler = "g++";
constexpr int compiler_version[] = {__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__};
#endif

/// What the command line says, before it is checked against what exists.
struct options {
  std::string json;
  std::string markdown;
  int runs = 0;
  std::int64_t size = 0;
  std::vector<int> loops;
  std::vector<std::string> runtimes;
  std::vector<std::string> names;
  std::string order = "fork_join";
  std::string beside;
  std::string peers_folder;
  std::string commit;
  bool peers = false;
  bool figures = false;
  bool quick = false;
  bool list = false;
};

std::string own_path() {
  char buffer[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", buffer, sizeof buffer);
  return length > 0 ? std::string(buffer, static_cast<std::size_t>(length)) : std::string();
}

/// A thousand connections need more descriptors than most shells allow; children inherit the limit.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  setrlimit(RLIMIT_NOFILE, &limit);
}

bool chosen(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The workloads that were named, or those that have a goal, or for `--figures` all.
///
/// Throws:  CLI::ValidationError for a name that does not exist.
std::vector<bench::workload_info> choose_workloads(const options& wanted) {
  std::vector<bench::workload_info> found;
  for (bench::workload_info work : bench::catalogue()) {
    const bool asked =
        wanted.names.empty() ? wanted.figures || bench::has_goal(work.name) : chosen(wanted.names, work.name);
    if (!asked) continue;
    if (wanted.size > 0) work.size = work.light_size = work.quick_size = wanted.size;
    found.push_back(work);
  }
  for (const std::string& name : wanted.names) {
    const auto known = [&](const bench::workload_info& work) { return work.name == name; };
    if (std::none_of(found.begin(), found.end(), known))
      throw CLI::ValidationError(name, "no such workload; see --list");
  }
  return found;
}

std::vector<bench::contestant> choose_contestants(const options& wanted, const std::string& self) {
  std::vector<bench::contestant> all = bench::find_contestants(self, wanted.beside, wanted.peers_folder);
  if (!wanted.runtimes.empty()) {
    std::erase_if(all, [&](const bench::contestant& who) {
      return !chosen(wanted.runtimes, who.own ? "gyre" : std::string_view(who.name));
    });
  }
  if (all.empty()) throw CLI::ValidationError("--runtime", "no such runtime");
  return all;
}

std::vector<int> choose_loops(const options& wanted) {
  if (!wanted.loops.empty()) return wanted.loops;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return cores > 2 ? std::vector<int>{1, 2, cores} : std::vector<int>{1, 2};
}

void print_about() {
  bench::record about;
  about.set_text("version", GYRE_BENCH_VERSION);
  std::string name = compiler;
  for (std::size_t i = 0; i < 3; ++i) name.append(i == 0 ? " " : ".").append(std::to_string(compiler_version[i]));
  about.set_text("compiler", name);
  about.set_text("build", GYRE_BENCH_BUILD);
  std::puts(about.line().c_str());
}

void list_workloads() {
  for (const bench::workload_info& work : bench::catalogue()) {
    std::printf("%-16s %s\n", std::string(work.name).c_str(), std::string(work.op).c_str());
  }
}

void declare(CLI::App& app, options& wanted) {
  app.add_option("name", wanted.names, "workloads (default: all)");
  app.add_option("--json", wanted.json, "write one JSON line per run to this file");
  app.add_option("--markdown", wanted.markdown, "write the table of goals to this file");
  app.add_option("--runs", wanted.runs, "repetitions (default 5; 1 with --quick)")->check(CLI::PositiveNumber);
  app.add_option("--loops", wanted.loops, "numbers of loops (default 1, 2 and all cores)")->check(CLI::Range(1, 255));
  app.add_option("--size", wanted.size, "replaces the workloads' own sizes")->check(CLI::PositiveNumber);
  app.add_option("--order", wanted.order, "order of gyre's one-loop runs (default fork_join)")
      ->check(CLI::IsMember({"fork_join", "asyncio"}));
  app.add_option("--runtime", wanted.runtimes, "only these runtimes");
  app.add_option("--beside", wanted.beside, "another compiler's gyre-bench, measured in turns with this one")
      ->check(CLI::ExistingFile);
  app.add_option("--peers-folder", wanted.peers_folder,
                 "where the peers' programs are (default: peers beside this one)");
  app.add_option("--commit", wanted.commit, "what was built; goes into the JSON lines");
  app.add_flag("--peers", wanted.peers,
               "measure all installed peers, not only those that a goal names; with --figures");
  app.add_flag("--figures", wanted.figures, "all workloads, and a table for each figure besides that of the goals");
  app.add_flag("--quick", wanted.quick, "small sizes, one run: checks that everything works");
  app.add_flag("--list", wanted.list, "list the workloads and leave");
}

/// Null for no name.   Throws: CLI::ValidationError.
std::FILE* open_output(const std::string& name) {
  if (name.empty()) return nullptr;
  std::FILE* const output = std::fopen(name.c_str(), "we");
  if (output == nullptr) throw CLI::ValidationError(name, std::strerror(errno));
  return output;
}

int measure_and_print(const options& wanted, const std::string& self) {
  bench::plan what;
  what.self = self;
  what.workloads = choose_workloads(wanted);
  what.contestants = choose_contestants(wanted, self);
  what.loops = choose_loops(wanted);
  what.usual_loops = wanted.loops.empty();
  what.quick = wanted.quick;
  what.runs = wanted.runs > 0 ? wanted.runs : wanted.quick ? 1 : 5;
  what.asyncio_order = wanted.order == "asyncio";
  what.rivals_only = !wanted.peers && wanted.runtimes.empty();
  what.commit = wanted.commit;
  what.json = open_output(wanted.json);
  what.markdown = open_output(wanted.markdown);
  const bench::results measured = bench::measure(what);
  if (wanted.figures) bench::print_tables(what, measured);
  bench::print_verdicts(what, measured);
  for (std::FILE* output : {what.json, what.markdown}) {
    if (output != nullptr) std::fclose(output);
  }
  if (measured.failures > 0) std::printf("%d runs FAILED\n", measured.failures);
  return measured.failures > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--about") == 0) return print_about(), 0;
  if (argc > 1 && std::strcmp(argv[1], "--child") == 0)
    return bench::run_program("gyre", GYRE_BENCH_VERSION, argc - 1, argv + 1);
  if (argc > 4 && std::strcmp(argv[1], "--load") == 0) {
    return bench::run_echo_load(std::atoi(argv[2]), std::atoi(argv[3]), std::atoll(argv[4]));
  }
  options wanted;
  CLI::App app{"Measures gyre, and its peers with --peers; prints tables of medians.", "gyre-bench"};
  declare(app, wanted);
  try {
    app.parse(argc, argv);
    allow_many_descriptors();
    wanted.figures = wanted.figures || wanted.peers;
    if (wanted.list) return list_workloads(), 0;
    return measure_and_print(wanted, own_path());
  } catch (const CLI::Error& error) {
    return app.exit(error);
  }
}
