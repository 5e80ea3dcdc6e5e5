// SPDX-License-Identifier: BSL-1.0
#include "catalogue.hpp"

namespace bench {
namespace {

constexpr workload_info workloads[] = {
    // name, body, size, light, quick, warm-up, connections, keeps tasks, one operation
    {"fib", "fib", 35, 20, 18, 25, 0, false, "one call of fib"},
    {"skynet", "skynet", 7, 4, 3, 5, 0, false, "one node of the tree"},
    {"nqueens", "nqueens", 13, 8, 8, 9, 0, false, "one legal placement"},
    {"spawn_join", "spawn_join", 1'000'000, 100'000, 5'000, 0, 0, false, "one task made, run, awaited; all at once"},
    {"spawn_rounds", "spawn_rounds", 3'000'000, 100'000, 5'000, 100'000, 0, false, "the same, 1000 at a time"},
    {"yield", "yield", 10'000'000, 1'000'000, 20'000, 100'000, 0, false, "one yield; 1000 tasks"},
    {"fiber_yield", "fiber_yield", 10'000'000, 1'000'000, 20'000, 100'000, 0, false, "the same in fibers"},
    {"fiber_rounds", "fiber_rounds", 3'000'000, 100'000, 5'000, 100'000, 0, false, "spawn_rounds with fibers"},
    {"fiber_await", "fiber_await", 10'000'000, 1'000'000, 20'000, 100'000, 0, false, "one coroutine awaited in a fiber"},
    {"coro_await", "coro_await", 10'000'000, 1'000'000, 20'000, 100'000, 0, false, "the same in a coroutine"},
    {"pingpong", "pingpong", 2'000'000, 50'000, 1'000, 20'000, 0, false, "one round trip over two queues of one"},
    {"queue_mpmc", "queue_mpmc", 5'000'000, 500'000, 20'000, 100'000, 0, false, "one item; 4 producers, 4 consumers"},
    {"queue_spsc", "queue_spsc", 10'000'000, 500'000, 20'000, 100'000, 0, false, "one item; 1 producer, 1 consumer"},
    {"sleepers", "sleepers", 1'000'000, 100'000, 5'000, 0, 0, true, "one task that sleeps up to 1 s"},
    {"sleepers_100k", "sleepers", 100'000, 100'000, 1'000, 0, 0, true, "the same, 100,000 tasks"},
    {"timers_churn", "timers_churn", 1'000'000, 50'000, 1'000, 10'000, 0, false, "one wait_for that does not expire"},
    {"lock", "lock", 10'000'000, 1'000'000, 20'000, 100'000, 0, false, "one acquire and release; 64 tasks"},
    {"lock_contended", "lock_contended", 2'000'000, 200'000, 6'400, 20'000, 0, false, "the same with a yield inside"},
    {"submit_lat", "submit_lat", 30'000, 10'000, 200, 1'000, 0, false, "one call from another thread and its result"},
    {"submit_tput", "submit_tput", 1'000'000, 40'000, 4'000, 20'000, 0, false,
     "the same; 4 threads, 2500 in flight each"},
    {"offload_lat", "offload_lat", 30'000, 10'000, 200, 1'000, 0, false, "one empty function on the thread pool"},
    {"offload_tput", "offload_tput", 200'000, 32'000, 3'200, 6'400, 0, false, "the same from 64 tasks"},
    {"cancel", "cancel", 1'000'000, 100'000, 2'000, 0, 0, true, "one sleeping task cancelled and awaited"},
    {"echo/1", "echo", 60'000, 60'000, 500, 0, 1, false, "one 64-byte request and its reply"},
    {"echo/64", "echo", 400'000, 100'000, 5'000, 0, 64, false, "the same; 64 connections"},
    {"echo/1000", "echo", 400'000, 100'000, 5'000, 0, 1000, false, "the same; 1000 connections"},
};

}  // namespace

std::span<const workload_info> catalogue() noexcept { return workloads; }

}  // namespace bench
