// expect: a coroutine function cannot be a callback
// SPDX-License-Identifier: BSL-1.0
// proves: LOOP-004
#include <gyre/gyre.hpp>

#ifdef GYRE_FIXED
void one() {}
#else
gyre::coro<> one() { co_return; }
#endif

void plan(gyre::event_loop& loop) { loop.call_soon(one); }
