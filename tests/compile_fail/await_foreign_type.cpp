// expect: this type cannot be awaited in a gyre coroutine
// SPDX-License-Identifier: BSL-1.0
#include <gyre/gyre.hpp>

struct not_awaitable {};

gyre::coro<int> one() { co_return 1; }

gyre::coro<> body() {
#ifdef GYRE_FIXED
  co_await one();
#else
  co_await not_awaitable();
#endif
}
