// SPDX-License-Identifier: BSL-1.0
#pragma once
// Many simulations of one program: the first seed that fails, how to run it again, and a smaller run that fails too.
// Layer: testing.  Bodies: lib/testing/explore.cpp, lib/testing/shrink.cpp
#include <gyre/base/unique_function.hpp>
#include <gyre/testing/simulation.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

namespace gyre::testing {

/// What explore() ends with. Its text: which seed, what went wrong, the last events before, and the command that runs this
/// seed again.
class exploration_failed : public std::runtime_error {
 public:
  exploration_failed(const std::string& text, std::string replay, std::exception_ptr cause)
      : std::runtime_error(text), replay_(std::move(replay)), cause_(std::move(cause)) {}

  /// The value of GYRE_SEED that runs it again: `17`, or after shrinking `17/2:3,40-42`, the seed, the number of loops and
  /// the decisions that matter.
  [[nodiscard]] const std::string& replay() const noexcept { return replay_; }
  /// What main ended with.
  [[nodiscard]] const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  std::string replay_;
  std::exception_ptr cause_;
};

/// A program that runs with the given options; the second argument is the seed.
using simulated_program = unique_function<void(const run_options&, std::uint64_t)>;

/// What explore() takes where its options leave it open: 1 to 8 loops, extremes, at most a million decisions.
[[nodiscard]] sim_options exploring();

/// Simulates `make_main()`, or `make_main(seed)`, from so many seeds, beginning with 1. It makes a fresh coroutine each
/// time; what it shares between runs must be set up anew by it.
///
/// Fails:   a main that throws, a deadlock, no progress. Catch2's CHECK and GoogleTest's EXPECT do not throw: use REQUIRE,
///          or expect(), inside main.
/// Throws:  exploration_failed for the first seed that fails. If the process dies in a seed, that seed is printed.
/// Environment: GYRE_SEED=n runs only that; GYRE_SEEDS=n another number of seeds, GYRE_FIRST_SEED=n from there on;
///          GYRE_SHRINK=1 looks for fewer loops and decisions that fail in the same way.
void explore_program(std::uint64_t seeds, const sim_options& options, simulated_program program);
template <class Make>
void explore(std::uint64_t seeds, const sim_options& options, Make make_main) {
  explore_program(seeds, options, [&make_main](const run_options& how, std::uint64_t seed) {
    if constexpr (std::invocable<Make&, std::uint64_t>) {
      static_cast<void>(run(make_main(seed), how));
    } else {
      static_cast<void>(seed);
      static_cast<void>(run(make_main(), how));
    }
  });
}
template <class Make>
void explore(std::uint64_t seeds, Make make_main) {
  explore(seeds, exploring(), std::move(make_main));
}

/// A condition that did not hold.
class expectation_failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws expectation_failed with the place and `what` unless `holds`: an assertion that ends main with every framework.
void expect(bool holds, const std::string& what, std::source_location where = std::source_location::current());

}  // namespace gyre::testing
