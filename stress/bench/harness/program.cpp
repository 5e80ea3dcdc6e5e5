// SPDX-License-Identifier: BSL-1.0
#include "program.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "record.hpp"

namespace bench {
namespace {

constexpr int no_such_workload = 3;
constexpr int check_failed = 9;

std::int64_t read_clock(clockid_t clock) noexcept {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Peak resident memory of this program alone; ru_maxrss would start with that of the process that launched it.
std::int64_t peak_rss_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::atoll(line.c_str() + 6);
  }
  return 0;
}

struct command_line {
  const char* name = "";
  request wanted;
  std::int64_t warmup = 0;
};

command_line parse(int argc, char** argv) {
  command_line line;
  if (argc > 1) line.name = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--threads") line.wanted.threads = std::atoi(argv[i + 1]);
    if (option == "--size") line.wanted.size = std::atoll(argv[i + 1]);
    if (option == "--warmup") line.warmup = std::atoll(argv[i + 1]);
    if (option == "--order") line.wanted.asyncio_order = std::strcmp(argv[i + 1], "asyncio") == 0;
  }
  return line;
}

}  // namespace

const workload* workload::first_ = nullptr;

workload::workload(const char* name, body_type body) noexcept : name_(name), body_(body), next_(first_) {
  first_ = this;
}

const workload* workload::find(const char* name) noexcept {
  const workload* found = first_;
  while (found != nullptr && std::strcmp(found->name_, name) != 0) found = found->next_;
  return found;
}

std::int64_t monotonic_ns() noexcept { return read_clock(CLOCK_MONOTONIC); }

stopwatch::stopwatch() noexcept : wall_ns_(monotonic_ns()), cpu_ns_(read_clock(CLOCK_PROCESS_CPUTIME_ID)) {}

outcome stopwatch::stop(std::int64_t ops) const noexcept {
  const double seconds = static_cast<double>(monotonic_ns() - wall_ns_) / 1e9;
  const double cpu_seconds = static_cast<double>(read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns_) / 1e9;
  outcome result;
  result.ops = ops;
  result.seconds = seconds;
  result.cpu_seconds = cpu_seconds;
  return result;
}

outcome latencies::summarise(outcome result) {
  std::sort(ns_.begin(), ns_.end());
  if (ns_.empty()) return result;
  result.p50_us = static_cast<double>(ns_[ns_.size() / 2]) / 1e3;
  result.p99_us = static_cast<double>(ns_[ns_.size() * 99 / 100]) / 1e3;
  result.max_us = static_cast<double>(ns_.back()) / 1e3;
  return result;
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "check failed: %s\n", what);
  std::fflush(stderr);
  _exit(check_failed);
}

void announce_port(int port) {
  std::printf("PORT %d\n", port);
  std::fflush(stdout);
}

int run_program(const char* runtime, const char* version, int argc, char** argv) {
  const command_line line = parse(argc, argv);
  const workload* chosen = workload::find(line.name);
  if (chosen == nullptr) return no_such_workload;
  if (line.warmup > 0) {
    request small = line.wanted;
    small.size = line.warmup;
    chosen->run(small);
  }
  const std::int64_t rss_start_kb = peak_rss_kb();
  const outcome result = chosen->run(line.wanted);
  require(result.ops > 0 && result.seconds > 0, "the workload did something");

  record out;
  out.set_text("runtime", runtime);
  out.set_text("version", version);
  out.set_text("workload", line.name);
  out.set("threads", line.wanted.threads);
  out.set("n", result.ops);
  out.set("seconds", result.seconds, 6);
  out.set("ops_per_s", static_cast<double>(result.ops) / result.seconds, 1);
  out.set("ns_per_op", result.seconds / static_cast<double>(result.ops) * 1e9, 2);
  out.set("cpu_ns_per_op", result.cpu_seconds / static_cast<double>(result.ops) * 1e9, 2);
  out.set("rss_start_kb", rss_start_kb);
  out.set("max_rss_kb", peak_rss_kb());
  if (result.p50_us >= 0) out.set("p50_us", result.p50_us, 2);
  if (result.p99_us >= 0) out.set("p99_us", result.p99_us, 2);
  if (result.max_us >= 0) out.set("max_us", result.max_us, 2);
  if (result.wakeups_per_s >= 0) out.set("wakeups_per_s", result.wakeups_per_s, 1);
  if (result.cpu_us_per_s >= 0) out.set("cpu_us_per_s", result.cpu_us_per_s, 1);
  std::puts(out.line().c_str());
  std::fflush(stdout);
  return 0;
}

}  // namespace bench
