// SPDX-License-Identifier: BSL-1.0
#pragma once
// The programs that run side by side: gyre first, then the peers that were built or installed.
#include <string>
#include <vector>

#include "record.hpp"

namespace bench {

/// One runtime and how its program is called.
struct contestant {
  std::string name;
  std::vector<std::string> argv;  ///< empty: not installed
  std::string needs;              ///< what to install, in Debian's names
  bool single_thread = false;
  bool light = false;  ///< an interpreter: takes the light sizes
  bool own = false;    ///< a build of gyre
  record about;        ///< own only: version, compiler, build
};

/// Builds of gyre, then every known peer, installed or not.
///
/// `self`: the path of this program; `beside`: the gyre-bench of another compiler, or empty; `peers`: the folder of the
/// peers' programs, or empty for the one beside `self`.
std::vector<contestant> find_contestants(const std::string& self, const std::string& beside, const std::string& peers);

}  // namespace bench
