// expect: this function is a coroutine: await it; a fiber is for plain functions
// SPDX-License-Identifier: BSL-1.0
#include <gyre/gyre.hpp>

gyre::coro<int> answer() { co_return 42; }

gyre::coro<int> plain() {
#ifdef GYRE_FIXED
  return answer();
#else
  return gyre::fiber(answer);
#endif
}
