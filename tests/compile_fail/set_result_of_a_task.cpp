// expect: has no member named .?set_result|no member named .set_result
// SPDX-License-Identifier: BSL-1.0
// proves: TASK-004
#include <gyre/gyre.hpp>

#ifdef GYRE_FIXED
void finish(gyre::future<int> f) { f.set_result(1); }
#else
void finish(gyre::task<int> f) { f.set_result(1); }
#endif
