// SPDX-License-Identifier: BSL-1.0
#pragma once
// A deterministic run of a program: one thread, a clock that jumps, every choice from a seed.  Layer: testing.
// Bodies: lib/testing/simulation.cpp
#include <gyre/flow/sleep.hpp>
#include <gyre/runtime/run.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

namespace gyre::testing {

/// While it lives, runtimes and loops that this thread makes are simulated: they take turns on this thread in an order that
/// the seed decides, their clock stands still while anything can run and then jumps to the next timer, functions given to
/// to_thread run between turns.
///
/// Choices that the seed makes: which loop goes next, how many steps it takes, whom a thief looks at first, when an
/// offloaded function runs. The same seed gives the same steps, on every compiler.
/// Limits:  of Asio only posted handlers and the streams of testing/network.hpp; no other threads; no object of class runtime, whose end waits for threads. Nothing that
///          can run and no timer is a deadlock: would_deadlock is thrown with the names of the tasks that wait.
class simulation {
 public:
  explicit simulation(std::uint64_t seed = 1);
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;
  ~simulation();

  /// A number that two runs share if and only if, for all practical purposes, they took the same steps.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept;
  /// How far the virtual clock has moved.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept;

 private:
  class world;
  std::unique_ptr<world> world_;
};

/// Runs `main` as gyre::run() does, simulated.   Throws: what main throws; would_deadlock.
template <class T>
T simulate(std::uint64_t seed, const run_options& options, coro<T> main) {
  const simulation active(seed);
  return run(std::move(main), options);
}

/// Lets everything that can run on the loop run until it waits for something else; the clock does not move.
[[nodiscard]] coro<> settle();

}  // namespace gyre::testing
