// SPDX-License-Identifier: BSL-1.0
#include "session.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <set>

#include "goals.hpp"
#include "process.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr int no_such_workload = 3;
constexpr auto time_limit = std::chrono::seconds(180);  // of one run
constexpr double tolerated_disturbance = 0.10;          // share of the machine that others may use
constexpr double shortest_judged_run = 0.3;             // seconds; below, /proc/stat is too coarse

int cpu_count() { return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN))); }

/// Processor time of the whole machine since it started, in seconds.
double busy_seconds() {
  std::ifstream stat("/proc/stat");
  std::string label;
  stat >> label;
  double ticks = 0;
  for (int column = 0; column < 8; ++column) {
    double value = 0;
    stat >> value;
    const bool idle = column == 3 || column == 4;  // idle and iowait
    if (!idle) ticks += value;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// Watches how much of the machine others use while a run goes on.
class disturbance {
 public:
  double share(double own_cpu_seconds) const {
    const double wall = std::chrono::duration<double>(clock::now() - start_).count();
    if (wall < shortest_judged_run) return 0;
    return std::max(0.0, (busy_seconds() - busy_ - own_cpu_seconds) / (wall * cpu_count()));
  }

 private:
  clock::time_point start_ = clock::now();
  double busy_ = busy_seconds();
};

/// Touches 2 GiB in a child, so that a virtual machine's host has backed the memory before a large run.
void touch_memory() {
  const pid_t child = fork();
  if (child == 0) {
    constexpr std::size_t page = 4096;
    const std::size_t free_bytes = static_cast<std::size_t>(sysconf(_SC_AVPHYS_PAGES)) * page;
    const std::size_t length = std::min<std::size_t>(std::size_t{2} << 30, free_bytes / 2);
    void* const memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) {
      for (std::size_t at = 0; at < length; at += page) static_cast<volatile char*>(memory)[at] = 1;
    }
    _exit(0);
  }
  if (child > 0) waitpid(child, nullptr, 0);
}

/// One try: the record, or the status of a program that failed.
struct attempt {
  std::optional<record> run;
  int code = 0;
  double own_cpu_seconds = 0;
};

std::int64_t size_for(const plan& what, const workload_info& work, const contestant& who) {
  if (what.quick) return work.quick_size;
  return who.light ? work.light_size : work.size;
}

std::vector<std::string> command(const plan& what, const workload_info& work, const contestant& who, int threads) {
  std::vector<std::string> argv = who.argv;
  argv.emplace_back(work.body);
  const std::int64_t size = size_for(what, work, who);
  const std::int64_t warmup = std::min(work.warmup, size);
  for (const auto& [option, value] :
       {std::pair{"--threads", std::to_string(threads)}, std::pair{"--size", std::to_string(size)},
        std::pair{"--warmup", std::to_string(warmup)}}) {
    argv.emplace_back(option);
    argv.push_back(value);
  }
  if (who.own && what.asyncio_order) argv.insert(argv.end(), {"--order", "asyncio"});
  return argv;
}

/// The last line of the output that is a record.
std::optional<record> last_record(process& program, clock::time_point deadline) {
  std::optional<record> found;
  while (const auto line = program.read_line(deadline)) {
    if (auto parsed = record::parse(*line)) found = std::move(parsed);
  }
  return found;
}

attempt run_program(const plan& what, const workload_info& work, const contestant& who, int threads) {
  const auto deadline = clock::now() + time_limit;
  process program(command(what, work, who, threads));
  attempt result;
  result.run = last_record(program, deadline);
  const ending end = program.wait(deadline);
  result.code = end.code;
  result.own_cpu_seconds = end.cpu_seconds;
  if (end.code != 0) result.run.reset();
  return result;
}

/// The processors of an echo server and of the load generator: apart where there are enough.
std::vector<int> server_cpus(int threads) {
  std::vector<int> cpus;
  for (int cpu = 0; cpu < std::min(threads, cpu_count()); ++cpu) cpus.push_back(cpu);
  return cpus;
}
std::vector<int> client_cpus(int threads) { return {std::min(threads, cpu_count() - 1)}; }

attempt run_echo(const plan& what, const workload_info& work, const contestant& who, int threads) {
  const auto deadline = clock::now() + time_limit;
  attempt result;
  process server(command(what, work, who, threads), server_cpus(threads));
  const auto hello = server.read_line(deadline);
  if (!hello || hello->rfind("PORT ", 0) != 0) {
    const ending end = server.wait(clock::now() + std::chrono::seconds(1));
    result.code = end.code;
    return result;
  }
  const long rss_start_kb = server.peak_rss_kb();
  const double cpu_start = server.cpu_seconds();
  process client({what.self, "--load", hello->substr(5), std::to_string(work.connections),
                  std::to_string(size_for(what, work, who))},
                 client_cpus(threads));
  auto load = last_record(client, deadline);
  const double server_cpu = server.cpu_seconds() - cpu_start;
  const ending end = client.wait(deadline);
  result.code = end.code;
  result.own_cpu_seconds = end.cpu_seconds + server_cpu;
  if (end.code != 0 || !load) return result;
  record run;
  run.set_text("runtime", who.name);
  run.set_text("workload", work.name);
  run.set("threads", threads);
  run.merge(*load);
  run.set("cpu_ns_per_op", server_cpu / load->number("all_requests").value_or(1) * 1e9, 1);
  run.set("rss_start_kb", std::int64_t{rss_start_kb});
  run.set("max_rss_kb", std::int64_t{server.peak_rss_kb()});
  result.run = std::move(run);
  return result;
}

void finish(const plan& what, record& run, const workload_info& work, const contestant& who, int repetition,
            double share) {
  run.set_text("runtime", who.name);
  run.set_text("workload", work.name);
  if (who.own) {
    const std::int64_t loops = static_cast<std::int64_t>(run.number("threads").value_or(1));
    run.merge(who.about);
    run.set("loops", loops);
    run.set_text("order", what.asyncio_order && loops == 1 ? "asyncio" : "fork_join");
    if (!what.commit.empty()) run.set_text("commit", what.commit);
  }
  run.set("run", std::int64_t{repetition});
  run.set("disturbed", share, 3);
  if (work.body == "sleepers") run.set("over_ideal_s", run.number("seconds").value_or(0) - 1.0, 4);
  if (!work.keeps_tasks) return;
  const double grown_kb = run.number("max_rss_kb").value_or(0) - run.number("rss_start_kb").value_or(0);
  run.set("bytes_per_task", grown_kb * 1024 / run.number("n").value_or(1), 0);
}

/// Repeats a disturbed run, at most twice.
attempt run_undisturbed(const plan& what, const workload_info& work, const contestant& who, int threads,
                        int repetition) {
  const int tries = what.quick ? 1 : 3;
  attempt result;
  for (int i = 0; i < tries; ++i) {
    if (work.keeps_tasks && !what.quick) touch_memory();
    const disturbance others;
    result = work.connections > 0 ? run_echo(what, work, who, threads) : run_program(what, work, who, threads);
    if (!result.run) return result;
    const double share = others.share(result.own_cpu_seconds);
    finish(what, *result.run, work, who, repetition, share);
    if (share <= tolerated_disturbance) return result;
  }
  return result;
}

void show_progress(const plan& what, int repetition, const workload_info& work, int threads, const std::string& name) {
  if (isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r\033[Krun %d of %d: %s on %s, %d", repetition + 1, what.runs, std::string(work.name).c_str(),
               name.c_str(), threads);
}

}  // namespace

results measure(const plan& what) {
  results all;
  std::set<std::pair<std::string, std::string>> absent;  // workloads that a program said it does not have
  const auto run_one = [&](int repetition, const workload_info& work, int threads, const contestant& who) {
    const auto key = std::pair(who.name, std::string(work.name));
    if (who.argv.empty() || absent.contains(key) || (who.single_thread && threads > 1)) return;
    if (what.rivals_only && !who.own && !is_rival(work.name, who.name)) return;
    show_progress(what, repetition, work, threads, who.name);
    attempt result = run_undisturbed(what, work, who, threads, repetition);
    if (result.run) {
      if (what.json != nullptr) std::fprintf(what.json, "%s\n", result.run->line().c_str());
      all.runs.push_back(std::move(*result.run));
    } else if (result.code == no_such_workload && !who.own) {
      absent.insert(key);
    } else {
      ++all.failures;
      std::fprintf(stderr, "\nFAILED: %s on %s, %d loops: status %d\n", key.second.c_str(), key.first.c_str(), threads,
                   result.code);
    }
  };
  for (int repetition = 0; repetition < what.runs; ++repetition) {
    for (const workload_info& work : what.workloads) {
      for (const int threads : what.loops) {
        if (what.usual_loops && !makes_sense(work.name, threads)) continue;
        for (const contestant& who : what.contestants) run_one(repetition, work, threads, who);
      }
    }
  }
  if (isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
  return all;
}

}  // namespace bench
