// SPDX-License-Identifier: BSL-1.0
// Linked into a program, it puts the program's loops on a virtual clock: the program itself is not changed. The seed comes
// from GYRE_SEED.
#include <gyre/testing/simulation.hpp>

#include <cstdlib>

namespace {

std::uint64_t seed_from_environment() {
  const char* text = std::getenv("GYRE_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

const gyre::testing::simulation whole_program(seed_from_environment());

}  // namespace
