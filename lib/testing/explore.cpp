// SPDX-License-Identifier: BSL-1.0
#include <gyre/testing/explore.hpp>

#include "attempt.hpp"
#include "death_note.hpp"

#include <gyre/base/text.hpp>
#include <gyre/core/error.hpp>

#include <cxxabi.h>

#include <cstdlib>
#include <optional>
#include <utility>

namespace gyre::testing {

attempt try_once(simulated_program& program, const sim_options& options, const replay& run) {
  const simulation active(run.seed, run.apply(options));
  attempt result;
  result.loops = active.run_settings().loops();
  try {
    program(active.run_settings(), run.seed);
  } catch (...) {
    result.error = std::current_exception();
    result.type = abi::__cxa_current_exception_type();
  }
  if (options.remembers()) result.decisions = active.decisions();
  result.story = active.story();
  return result;
}

namespace {

std::string in_words(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    std::string text;
    gyre::detail::append_exception(text, error);
    return text;
  }
}

bool wants_shrinking() noexcept {
  const char* const value = std::getenv("GYRE_SHRINK");
  return value != nullptr && *value != '\0' && std::string(value) != "0";
}

std::optional<replay> replay_from_environment() {
  const char* const value = std::getenv("GYRE_SEED");
  if (value == nullptr || *value == '\0') return std::nullopt;
  return replay::parse(value);
}

// The failing run once more, with its story.
[[noreturn]] void report(simulated_program& program, const sim_options& options, replay run, const attempt& failure) {
  const std::string seed = std::to_string(run.seed);
  const bool shrinks = wants_shrinking();
  if (shrinks) run = shrink(program, sim_options(options).remember(true), run, failure);
  const attempt again = try_once(program, sim_options(options).narrate(true), run);
  std::string text = "simulation of seed " + seed + (shrinks ? ", shrunk: " : ": ");
  const bool same = again.fails_like(failure);
  text += in_words(same ? again.error : failure.error);
  if (same) {
    text += "\nthe last events on " + std::to_string(again.loops) + (again.loops == 1 ? " loop:\n" : " loops:\n") +
            again.story;
  } else {
    text += "\nA second run of this seed did not fail like that: main depends on something outside the simulation.\n";
  }
  text += "run it again: " + replay_command(run);
  if (!shrinks) text += "\nGYRE_SHRINK=1 before it looks for a smaller run that fails in the same way.";
  throw exploration_failed(text, run.text(), failure.error);
}

void explore_one(simulated_program& program, const sim_options& options, const replay& run, death_note& note) {
  note.write("gyre: the process ends in a simulation; run it again: " + replay_command(run) + "\n");
  const attempt result = try_once(program, options, run);
  if (result.failed()) report(program, options, run, result);
}

}  // namespace

void explore_program(std::uint64_t seeds, const sim_options& given, simulated_program program) {
  const sim_options options = given.completed_by(exploring());
  death_note note;
  if (const std::optional<replay> only = replay_from_environment()) {
    explore_one(program, options, *only, note);
    return;
  }
  const std::uint64_t first = number_from_environment("GYRE_FIRST_SEED").value_or(1);
  const std::uint64_t count = number_from_environment("GYRE_SEEDS").value_or(seeds);
  for (std::uint64_t i = 0; i < count; ++i)
    explore_one(program, options, replay{first + i, std::nullopt, std::nullopt}, note);
}

sim_options exploring() {
  constexpr std::uint64_t a_million = 1'000'000;
  return sim_options().loops(1, 8).extremes(true).most_decisions(a_million);
}

void expect(bool holds, const std::string& what, std::source_location where) {
  if (holds) return;
  throw expectation_failed(std::string(where.file_name()) + ':' + std::to_string(where.line()) + ": " + what);
}

}  // namespace gyre::testing
