// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <gyre/core/error.hpp>
#include <gyre/testing/simulation.hpp>

namespace gyre::testing {

simulation::simulation(std::uint64_t seed, const sim_options& options)
    : world_(std::make_unique<world>(seed, options)), run_(options.to_run(world_->choose_loops(options))) {}

simulation::~simulation() = default;

const run_options& simulation::run_settings() const noexcept { return run_; }
std::uint64_t simulation::trace_hash() const noexcept { return world_->trace_hash(); }
std::chrono::nanoseconds simulation::elapsed() const noexcept { return std::chrono::nanoseconds(world_->elapsed()); }
std::uint64_t simulation::decisions_made() const noexcept { return world_->decisions().made(); }
const std::vector<std::uint64_t>& simulation::decisions() const noexcept { return world_->decisions().taken(); }
std::string simulation::story() const { return world_->record().text(); }

std::uint64_t choose(std::uint64_t n) {
  if (n == 0) throw value_error("choose: there is no number below 0");
  if (simulation::world::here() == nullptr) throw error("choose: no simulation runs on this thread");
  return simulation::world::here()->choose(n);
}

coro<> settle() {
  // Chains of wake-ups take a turn each: this is longer than any that a test builds.
  constexpr int turns = 64;
  for (int i = 0; i < turns; ++i) co_await sleep(std::chrono::nanoseconds(0));
}

}  // namespace gyre::testing
