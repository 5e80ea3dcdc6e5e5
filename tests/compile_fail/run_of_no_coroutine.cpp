// expect: no matching function for call to ..?run
// SPDX-License-Identifier: BSL-1.0
// proves: RUN-007
#include <gyre/gyre.hpp>

gyre::coro<int> one() { co_return 1; }

#ifdef GYRE_FIXED
int result() { return gyre::run(one()); }
#else
int result() { return gyre::run(1); }
#endif
