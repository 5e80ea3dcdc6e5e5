// expect: takes a lock, a semaphore, or a class with aenter
// SPDX-License-Identifier: BSL-1.0
#include <gyre/gyre.hpp>

gyre::coro<> nothing() { co_return; }

gyre::coro<> body() {
#ifdef GYRE_FIXED
  gyre::lock scope;
#else
  int scope = 0;
#endif
  co_await gyre::with(scope, nothing);
}
