// expect: takes a plain function: a coroutine needs no thread
// SPDX-License-Identifier: BSL-1.0
#include <gyre/gyre.hpp>

#ifdef GYRE_FIXED
int one() { return 1; }
#else
gyre::coro<int> one() { co_return 1; }
#endif

gyre::coro<> body() { co_await gyre::to_thread(one); }
