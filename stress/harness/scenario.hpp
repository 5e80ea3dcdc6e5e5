// SPDX-License-Identifier: BSL-1.0
#pragma once
// The catalogue of scenarios. Each source in stress/scenarios registers its own.
#include <cstddef>
#include <string_view>
#include <vector>

#include "trial.hpp"

namespace storm {

/// One row of the table. It has a body, which runs on real loops and in simulation, or a function that makes its own runtimes.
struct scenario {
  std::string_view name;
  std::string_view about;        ///< what it does, for --list
  gyre::coro<> (*body)(trial&);  ///< null for what cannot be simulated
  void (*on_threads)(trial&);    ///< null for what has a body
  std::size_t size;              ///< of a round on real loops
  std::size_t small_size;        ///< of a round in simulation, and of a quick one
};

/// Adds a scenario to the catalogue; made as a static object.
class registered {
 public:
  explicit registered(const scenario& s);
};

/// All scenarios by name.
[[nodiscard]] std::vector<scenario> catalogue();

}  // namespace storm
