// SPDX-License-Identifier: BSL-1.0
#pragma once
// A deterministic run of a program: one thread, a clock that jumps, every choice from a seed.  Layer: testing.
// Bodies: lib/testing/simulation.cpp, lib/testing/world.cpp
#include <gyre/flow/sleep.hpp>
#include <gyre/runtime/run.hpp>
#include <gyre/testing/sim_options.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gyre::testing {

/// The limit of a simulation was reached: main goes on and on, or waits for something that only looks alive.
class no_progress : public would_deadlock {
 public:
  using would_deadlock::would_deadlock;
};

/// While it lives, runtimes and loops that this thread makes are simulated: they take turns on this thread in an order that
/// the seed decides, their clock stands still while anything can run and then jumps to the next timer, functions given to
/// to_thread run between turns.
///
/// Choices that the seed makes: which loop goes next and how many steps it takes, when a loop that found nothing falls
/// asleep, whom a thief looks at first, when an offloaded function runs; with sim_options::extremes() much more. The same
/// seed and options give the same steps, on every compiler.
/// Limits:  of Asio only posted handlers and the streams of testing/network.hpp; no files; no other threads; no object of
///          class runtime, whose end waits for threads. Nothing that can run and no timer is a deadlock: would_deadlock
///          says who waits for what.
/// Thread:  the one that made it. Several threads may have one each.
class simulation {
 public:
  explicit simulation(std::uint64_t seed = 1, const sim_options& options = sim_options());
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;
  ~simulation();

  /// The options for run(), with a number of loops from the seed.
  [[nodiscard]] const run_options& run_settings() const noexcept;

  /// A number that two runs share if and only if, for all practical purposes, they took the same steps.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept;
  /// How far the virtual clock has moved.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept;
  /// How many choices the seed has made, and which of them were not the dullest (if sim_options::remember()).
  [[nodiscard]] std::uint64_t decisions_made() const noexcept;
  [[nodiscard]] const std::vector<std::uint64_t>& decisions() const noexcept;
  /// The last events, a line each, if sim_options::narrate().
  [[nodiscard]] std::string story() const;

  class world;

 private:
  std::unique_ptr<world> world_;
  run_options run_;
};

/// Runs `main` as gyre::run() does, simulated. `main` is a coroutine, or a callable that gives one.
///
/// Throws:  what main throws; would_deadlock; no_progress.
template <class T>
T simulate(std::uint64_t seed, const sim_options& options, coro<T> main) {
  const simulation active(seed, options);
  return run(std::move(main), active.run_settings());
}
template <std::invocable Main>
auto simulate(std::uint64_t seed, const sim_options& options, Main main) {
  const simulation active(seed, options);
  return run(main(), active.run_settings());
}

/// A number in [0, n) from the seed of the simulation that runs: for a user's own random choices, which shrink with it.
///
/// Throws:  error outside simulations; value_error if n is 0.
[[nodiscard]] std::uint64_t choose(std::uint64_t n);

/// Lets everything that can run on the loop run until it waits for something else; the clock does not move.
[[nodiscard]] coro<> settle();

}  // namespace gyre::testing
