// expect: no matching function
// SPDX-License-Identifier: BSL-1.0
// proves: SAFE-009
#include <gyre/gyre.hpp>

gyre::coro<int> one() { co_return 1; }

#ifdef GYRE_FIXED
void submit(gyre::event_loop& loop) { gyre::run_coroutine_threadsafe(one(), loop); }
#else
void submit(gyre::event_loop& loop) { gyre::run_coroutine_threadsafe(1, loop); }
#endif
