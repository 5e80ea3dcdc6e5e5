// SPDX-License-Identifier: BSL-1.0
#include "session.hpp"

#include <unistd.h>
#include <gyre/testing.hpp>

#include <algorithm>
#include <cstdio>

#include "memory.hpp"

namespace storm {
namespace {

using std::chrono::steady_clock;

constexpr double mebibyte = 1024.0 * 1024.0;
constexpr std::chrono::milliseconds shortest_slice(50);
constexpr std::chrono::milliseconds longest_slice(2'000);
constexpr std::uint64_t seeds_between_looks = 256;
constexpr std::uint64_t seeds_between_replays = 64;
constexpr std::uint64_t most_failures = 10;  // of one scenario; then it is left out

constexpr std::uint64_t most_decisions = 20'000'000;  // of one simulation: more is a program that goes on for ever

struct simulated_world {
  explicit simulated_world(std::uint64_t seed) {
    dice choices(seed ^ 0x5bd1e995U);
    constexpr int usual[] = {1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 8};
    loops = usual[choices.below(std::size(usual))];
    if (choices.one_in(12)) loops = choices.between(1, 16);
    if (choices.one_in(48)) loops = choices.between(17, 64);
    if (choices.one_in(2)) order = gyre::run_order::asyncio;
    size = choices.below(4);
    extremes = !choices.one_in(4);
  }
  [[nodiscard]] gyre::testing::sim_options options() const {
    return gyre::testing::sim_options().loops(loops).order(order).extremes(extremes).most_decisions(most_decisions);
  }
  int loops = 1;
  std::size_t size = 0;  // index
  gyre::run_order order = gyre::run_order::fork_join;
  bool extremes = false;
};

/// Runs the body of a round; what it throws is a violation.
template <class F>
void guard(trial& t, F run) {
  try {
    run();
  } catch (...) {
    t.violated("main ended with " + in_words(std::current_exception()));
  }
  t.expect_equal("coroutine frames that live after the round", t.living.load(), 0);
}

std::uint64_t simulate_once(trial& t, const scenario& s, const simulated_world& world, std::uint64_t seed) {
  const gyre::testing::simulation active(seed, world.options());
  guard(t, [&] { gyre::run(run_body(t, s.body), active.run_settings()); });
  return active.trace_hash();
}

/// The last events of a seed that fails.
std::string story_of(trial& again, const scenario& s, const simulated_world& world, std::uint64_t seed) {
  const gyre::testing::simulation active(seed, world.options().narrate(true));
  guard(again, [&] { gyre::run(run_body(again, s.body), active.run_settings()); });
  return active.story();
}

}  // namespace

session::session(const plan& what)
    : plan_(what), rows_(what.scenarios.size()), deadline_(what.hang_limit), begin_(steady_clock::now()) {
  on_terminal_ = ::isatty(STDERR_FILENO) == 1;
  memory_at_begin_ = resident_bytes();
}

int session::run() {
  std::printf("seed %llu\n", static_cast<unsigned long long>(plan_.seed));
  std::fflush(stdout);
  if (plan_.simulate) {
    run_simulated();
  } else {
    run_for_real();
  }
  if (on_terminal_) std::fputs("\r\033[K", stderr);
  print_table();
  std::uint64_t failed = 0;
  for (const row& each : rows_) failed += each.failures == 0 ? 0 : 1;
  std::printf("%zu passed, %zu failed\n", rows_.size() - failed, static_cast<std::size_t>(failed));
  return failed == 0 ? 0 : 1;
}

// --- on real loops ---------------------------------------------------------------------------------------------------
// Passes over all scenarios with all numbers of loops, a slice of time each, so that memory that grows shows early.
void session::run_for_real() {
  const std::size_t cells = plan_.scenarios.size() * plan_.loops.size();
  if (plan_.rounds) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      for (const int loops : plan_.loops) run_cell(i, loops, plan_.seed, time_point::max());
    }
    return;
  }
  const auto total = std::chrono::duration_cast<steady_clock::duration>(*plan_.seconds);
  const auto slice = std::clamp<steady_clock::duration>(total / static_cast<int>(cells), shortest_slice, longest_slice);
  std::uint64_t first = plan_.seed;
  do {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      for (const int loops : plan_.loops) run_cell(i, loops, first, steady_clock::now() + slice);
    }
    if (memory_when_warm_ == 0) memory_when_warm_ = resident_bytes();
    first += 1'000'000;
  } while (steady_clock::now() - begin_ < total);
}

void session::run_cell(std::size_t index, int loops, std::uint64_t first, time_point until) {
  std::uint64_t done = 0;
  do {
    if (rows_[index].failures >= most_failures) return;
    run_round(index, loops, first + done);
    ++done;
  } while (plan_.rounds ? done < *plan_.rounds : steady_clock::now() < until);
}

void session::run_round(std::size_t index, int loops, std::uint64_t seed) {
  const scenario& s = plan_.scenarios[index];
  const std::string label = std::string(s.name) + ", " + std::to_string(loops) + " loops, seed " + std::to_string(seed);
  const std::string replay = replay_command(s, loops, seed);
  now_running_ = label;
  show_progress(false);
  trial t(seed, loops, plan_.quick ? s.small_size : s.size, false);
  const std::size_t memory = resident_bytes();
  deadline_.begin(t, label, replay);
  guard(t, [&] {
    if (s.body == nullptr) return s.on_threads(t);
    gyre::run_options options = gyre::run_options().loops(loops);
    if (dice(seed).split().one_in(4)) {  // seldom the order that is not the usual one
      options.order(loops == 1 ? gyre::run_order::fork_join : gyre::run_order::asyncio);
    }
    gyre::run(run_body(t, s.body), options);
  });
  deadline_.end();
  rows_[index].most_growth = std::max(
      rows_[index].most_growth, static_cast<std::ptrdiff_t>(resident_bytes()) - static_cast<std::ptrdiff_t>(memory));
  judge(index, t, label, replay);
}

// --- in simulation ---------------------------------------------------------------------------------------------------
void session::run_simulated() {
  const auto total = plan_.seconds ? std::chrono::duration_cast<steady_clock::duration>(*plan_.seconds)
                                   : steady_clock::duration::max();
  const std::uint64_t rounds = plan_.rounds.value_or(~std::uint64_t{0});
  std::size_t memory = resident_bytes();
  for (std::uint64_t n = 0; n < rounds && steady_clock::now() - begin_ < total; ++n) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].failures < most_failures) run_seed(i, plan_.seed + n);
    }
    if (n % seeds_between_looks != 0) continue;
    const std::size_t now = resident_bytes();
    for (row& each : rows_) {
      each.most_growth =
          std::max(each.most_growth, static_cast<std::ptrdiff_t>(now) - static_cast<std::ptrdiff_t>(memory));
    }
    memory = now;
    if (memory_when_warm_ == 0) memory_when_warm_ = now;
    now_running_ = "seed " + std::to_string(plan_.seed + n);
    show_progress(false);
  }
}

// Now and then a seed is run again: the same steps, and, once all caches are filled, not an allocation more than before.
void session::run_seed(std::size_t index, std::uint64_t seed) {
  const scenario& s = plan_.scenarios[index];
  const simulated_world world(seed);
  const std::string label =
      std::string(s.name) + ", simulated on " + std::to_string(world.loops) + " loops, seed " + std::to_string(seed);
  const std::string replay = replay_command(s, 0, seed);
  const std::size_t size = std::max<std::size_t>(1, s.small_size * (world.size + 1) / 4);
  trial t(seed, world.loops, size, true);
  deadline_.begin(t, label, replay);
  const std::uint64_t steps = simulate_once(t, s, world, seed);
  if ((seed - plan_.seed) % seeds_between_replays == 0 && t.violations().empty()) {
    std::int64_t live = 0;
    std::int64_t grown = 0;
    for (int i = 0; i < 3; ++i) {
      trial again(seed, world.loops, size, true);
      live = live_allocations();
      if (simulate_once(again, s, world, seed) != steps) t.violated("two simulations of one seed took different steps");
      grown = live_allocations() - live;
    }
    t.expect_equal("allocations that a repeated simulation has left", grown, 0);
  }
  if (!t.violations().empty()) {
    trial again(seed, world.loops, size, true);
    t.violated("the last events:\n" + story_of(again, s, world, seed));
  }
  deadline_.end();
  judge(index, t, label, replay);
}

// --- what comes of it ------------------------------------------------------------------------------------------------
void session::judge(std::size_t index, trial& t, const std::string& label, const std::string& replay) {
  row& of = rows_[index];
  ++of.rounds;
  of.operations += t.operations();
  const std::vector<std::string> wrong = t.violations();
  if (wrong.empty()) return;
  ++of.failures;
  if (on_terminal_) std::fputs("\r\033[K", stderr);
  std::printf("FAILED %s\n", label.c_str());
  for (const std::string& each : wrong) std::printf("  %s\n", each.c_str());
  std::printf("  replay: %s\n", replay.c_str());
  if (of.failures == most_failures) std::printf("  %s has failed often enough\n", plan_.scenarios[index].name.data());
  std::fflush(stdout);
}

std::string session::replay_command(const scenario& s, int loops, std::uint64_t seed) const {
  std::string text = "GYRE_SEED=" + std::to_string(seed) + ' ' + plan_.program;
  if (plan_.simulate) {
    text += " --simulate --seeds 1 ";
  } else {
    text += std::string(plan_.quick ? " --quick" : "") + " --rounds 1 --loops " + std::to_string(loops) + ' ';
  }
  return text += s.name;
}

void session::show_progress(bool at_once) {
  const auto now = steady_clock::now();
  const auto pause = on_terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10'000);
  if (shown_ == time_point()) shown_ = begin_;
  if (!at_once && now - shown_ < pause) return;
  shown_ = now;
  std::uint64_t rounds = 0;
  std::uint64_t failures = 0;
  for (const row& each : rows_) {
    rounds += each.rounds;
    failures += each.failures;
  }
  std::fprintf(stderr, "%s%6.1f s  %llu rounds, %llu failed, %.1f MiB, now %s%s", on_terminal_ ? "\r\033[K" : "",
               std::chrono::duration<double>(now - begin_).count(), static_cast<unsigned long long>(rounds),
               static_cast<unsigned long long>(failures), static_cast<double>(resident_bytes()) / mebibyte,
               now_running_.c_str(), on_terminal_ ? "" : "\n");
  std::fflush(stderr);
}

void session::print_table() const {
  std::printf("\n%-20s %10s %14s %9s %16s\n", "scenario", "rounds", "operations", "failures", "most growth, MiB");
  std::uint64_t rounds = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const row& each = rows_[i];
    rounds += each.rounds;
    std::printf("%-20s %10llu %14llu %9llu %16.1f\n", plan_.scenarios[i].name.data(),
                static_cast<unsigned long long>(each.rounds), static_cast<unsigned long long>(each.operations),
                static_cast<unsigned long long>(each.failures), static_cast<double>(each.most_growth) / mebibyte);
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - begin_).count();
  std::printf("\n%llu rounds in %.1f s, %.0f a second; resident memory: %.1f MiB at the begin, ",
              static_cast<unsigned long long>(rounds), seconds, static_cast<double>(rounds) / seconds,
              static_cast<double>(memory_at_begin_) / mebibyte);
  if (memory_when_warm_ != 0)
    std::printf("%.1f after the first pass, ", static_cast<double>(memory_when_warm_) / mebibyte);
  std::printf("%.1f at the end; %lld allocations live\n", static_cast<double>(resident_bytes()) / mebibyte,
              static_cast<long long>(live_allocations()));
}

}  // namespace storm
