// SPDX-License-Identifier: BSL-1.0
#include "scenario.hpp"

#include <algorithm>

namespace storm {
namespace {

std::vector<scenario>& rows() {
  static std::vector<scenario> all;
  return all;
}

}  // namespace

registered::registered(const scenario& s) { rows().push_back(s); }

std::vector<scenario> catalogue() {
  std::vector<scenario> all = rows();
  std::sort(all.begin(), all.end(), [](const scenario& a, const scenario& b) { return a.name < b.name; });
  return all;
}

}  // namespace storm
