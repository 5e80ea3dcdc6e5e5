// SPDX-License-Identifier: BSL-1.0
#pragma once
// The programs that run side by side: gyre first, then the peers that were built or installed.
#include <string>
#include <vector>

namespace bench {

/// One runtime and how its program is called.
struct contestant {
  std::string name;
  std::vector<std::string> argv;  ///< empty: not installed
  std::string needs;              ///< what to install, in Debian's names
  bool single_thread = false;
  bool light = false;  ///< an interpreter: takes the light sizes
};

/// gyre, then every known peer, installed or not.  `self`: the path of this program.
std::vector<contestant> find_contestants(const std::string& self);

}  // namespace bench
