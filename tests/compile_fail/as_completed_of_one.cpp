// expect: no matching function for call to
// SPDX-License-Identifier: BSL-1.0
// proves: ASC-008
#include <gyre/gyre.hpp>

#include <vector>

#ifdef GYRE_FIXED
auto ends(std::vector<gyre::task<int>> all) { return gyre::as_completed(all); }
#else
auto ends(gyre::task<int> one) { return gyre::as_completed(one); }
#endif
