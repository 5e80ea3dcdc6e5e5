// SPDX-License-Identifier: BSL-1.0
// idle: what a runtime costs while nothing happens. It has worked before, a server waits for connections, a task for an
// hour to pass. What the threads are charged is the kernel's account; the thread that asks for it is left out.
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "echo_server.hpp"

namespace {

/// What the kernel has counted for the threads of this process but the calling one.
struct account {
  double wakeups = 0;
  double cpu_us = 0;
};

double wakeups_of(const std::filesystem::path& thread) {
  constexpr std::string_view label = "voluntary_ctxt_switches:";
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(label)) return std::stod(line.substr(label.size()));
  }
  bench::require(false, "idle: the kernel counts switches");
  return 0;
}

account read_account() {
  account sum;
  const std::string self = std::to_string(::syscall(SYS_gettid));
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    if (thread.path().filename() == self) continue;
    double ran_ns = 0;
    std::ifstream(thread.path() / "schedstat") >> ran_ns;
    sum.wakeups += wakeups_of(thread.path());
    sum.cpu_us += ran_ns / 1e3;
  }
  return sum;
}

gyre::coro<> work_a_little() {
  for (int i = 0; i < 1000; ++i) co_await gyre::create_task(bench::answer(i));
  co_await gyre::sleep(std::chrono::milliseconds(1));
}

gyre::coro<> sleep_long() { co_await gyre::sleep(std::chrono::hours(1)); }

/// `wanted.size` is the time to watch, in milliseconds; twice that time passes first.
bench::outcome run_idle(const bench::request& wanted) {
  gyre::runtime runtime(bench::runtime_options(wanted));
  gyre::run_coroutine_threadsafe(work_a_little(), runtime).result();
  const auto sleeper = gyre::run_coroutine_threadsafe(sleep_long(), runtime);
  bench::tcp::acceptor acceptor = bench::listen(gyre::native_context(runtime.loop(0)), 0);
  const auto server = gyre::run_coroutine_threadsafe(bench::serve(std::move(acceptor)), runtime);
  std::this_thread::sleep_for(std::chrono::milliseconds(2 * wanted.size));
  const account before = read_account();
  const bench::stopwatch watch;
  std::this_thread::sleep_for(std::chrono::milliseconds(wanted.size));
  bench::outcome result = watch.stop(wanted.size);
  const account after = read_account();
  result.wakeups_per_s = (after.wakeups - before.wakeups) / result.seconds;
  result.cpu_us_per_s = (after.cpu_us - before.cpu_us) / result.seconds;
  return result;
}

const bench::workload registered{"idle", run_idle};

}  // namespace
