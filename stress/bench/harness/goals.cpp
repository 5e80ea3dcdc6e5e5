// SPDX-License-Identifier: BSL-1.0
#include "goals.hpp"

#include <algorithm>

namespace bench {
namespace {

constexpr double none = -1;
constexpr double us = 1e-3;         // from nanoseconds
constexpr double mib = 1.0 / 1024;  // from KiB

constexpr goal table[] = {
    // row, workload, loops, field, scale, unit, rival, ratio, most, aim
    {"fork-join: fib, a call", "fib", 1, 2, "ns_per_op", 1, "ns", "libfork", 1.4, none, "1.0x"},
    {"fork-join: fib, a call", "fib", 1, 2, "ns_per_op", 1, "ns", "TooManyCooks", 1.0, none, ""},
    {"fork-join: fib, a call", "fib", 1, 2, "ns_per_op", 1, "ns", "TooManyCooks+mimalloc", 1.0, none, ""},
    {"fork-join: skynet, a task", "skynet", 1, 2, "ns_per_op", 1, "ns", "libfork", 1.2, none, "1.0x"},
    {"fork-join: nqueens", "nqueens", 1, 2, "seconds", 1, "s", "libfork", 1.1, none, "1.0x"},
    {"create_task + await, 1000 at a time", "spawn_rounds", 1, 2, "ns_per_op", 1, "ns", "tokio", 0.9, none, "50 ns"},
    {"create_task + await, 1M cold", "spawn_join", 1, 2, "ns_per_op", 1, "ns", "tokio", 0.9, none, "150 ns"},
    {"yield", "yield", 1, 2, "ns_per_op", 1, "ns", "tokio", 0.8, none, "12 ns"},
    {"ping-pong over two queues of one", "pingpong", 1, 2, "ns_per_op", 1, "ns", "tokio", 0.8, none, "60 ns"},
    {"queue 4x4 of 1024, an item", "queue_mpmc", 1, 2, "ns_per_op", 1, "ns", "go", 1.0, none, "15 ns"},
    {"queue 1x1 of 1024, an item", "queue_spsc", 2, 2, "ns_per_op", 1, "ns", "TooManyCooks", 0, 40, "14 ns"},
    {"queue 1x1 of 1024, an item", "queue_spsc", 2, 2, "ns_per_op", 1, "ns", "libcoro", 0, 40, "14 ns"},
    {"lock, uncontended", "lock", 1, 2, "ns_per_op", 1, "ns", "go", 1.2, none, "3 ns"},
    {"lock, contended", "lock_contended", 1, 2, "ns_per_op", 1, "ns", "go", 1.0, none, "80 ns"},
    {"wait_for that does not expire", "timers_churn", 1, 2, "ns_per_op", 1, "ns", "tokio", 0.6, none, "120 ns"},
    {"cancel of a parked task, awaited", "cancel", 1, 2, "ns_per_op", 1, "ns", "tokio", 0, 1500, "800 ns"},
    {"sleepers, 100k: time over 1 s", "sleepers_100k", 1, 2, "over_ideal_s", 1, "s", "tokio", 0.8, none, "0.05 s"},
    {"sleepers, 1M: time over 1 s", "sleepers", 1, 2, "over_ideal_s", 1, "s", "tokio", 0.8, none, "0.5 s"},
    {"memory of a parked task", "sleepers", 1, 2, "bytes_per_task", 1, "B", "tokio", 0, 600, "400 B"},
    {"submit from a thread: latency", "submit_lat", 1, 2, "ns_per_op", us, "us", "go", 1.0, none, "5 us"},
    {"submit from a thread: latency", "submit_lat", 1, 2, "ns_per_op", us, "us", "tokio", 1.0, none, "5 us"},
    {"submit from a thread: throughput", "submit_tput", 1, 2, "ns_per_op", 1, "ns", "tokio", 1.0, none, "100 ns"},
    {"to_thread: latency", "offload_lat", 1, 2, "ns_per_op", us, "us", "tokio", 1.0, none, "6 us"},
    {"to_thread: 64 in flight", "offload_tput", 1, 2, "ns_per_op", us, "us", "asio", 1.0, none, "0.8 us"},
    {"TCP echo, 64 connections: server CPU", "echo/64", 1, 2, "cpu_ns_per_op", us, "us", "asio", 1.0, none, ""},
    {"TCP echo, 64 connections: server CPU", "echo/64", 1, 2, "cpu_ns_per_op", us, "us", "epoll", 0, none, "1.02x"},
    {"HTTP ping-pong, 20 connections", "http_pingpong", 2, 2, "ns_per_op", us, "us", "TooManyCooks", 1.0, none, ""},
    {"HTTP ping-pong, 20 connections", "http_pingpong", 2, 2, "ns_per_op", us, "us", "epoll", 0, none, "1.02x"},
    {"echo beside a 200 ms burner: p99", "burner", 2, 2, "p99_us", us, "ms", "tokio", 1.0, none, "1 ms"},
    {"echo beside a 200 ms burner: max", "burner", 2, 2, "max_us", us, "ms", "tokio", 1.0, none, "4 ms"},
    {"idle runtime: wake-ups a second", "idle", 1, 2, "wakeups_per_s", 1, "", "", 0, 0, "0"},
    {"idle runtime: CPU a second", "idle", 1, 2, "cpu_us_per_s", 1, "us", "", 0, 0, "0"},
    {"peak memory of fib", "fib", 1, 2, "max_rss_kb", mib, "MiB", "libfork", 0, 16, "8 MiB"},
    {"peak memory of skynet", "skynet", 1, 2, "max_rss_kb", mib, "MiB", "libfork", 0, 16, "8 MiB"},
};

}  // namespace

std::span<const goal> goals() noexcept { return table; }

bool has_goal(std::string_view workload) noexcept {
  return std::any_of(std::begin(table), std::end(table), [&](const goal& each) { return each.workload == workload; });
}

bool is_rival(std::string_view workload, std::string_view runtime) noexcept {
  return std::any_of(std::begin(table), std::end(table),
                     [&](const goal& each) { return each.workload == workload && each.rival == runtime; });
}

bool makes_sense(std::string_view workload, int loops) noexcept {
  return !has_goal(workload) || std::any_of(std::begin(table), std::end(table), [&](const goal& each) {
    return each.workload == workload && loops >= each.fewest_loops;
  });
}

}  // namespace bench
