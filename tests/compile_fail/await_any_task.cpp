// expect: this type cannot be awaited in a gyre coroutine
// SPDX-License-Identifier: BSL-1.0
#include <gyre/gyre.hpp>

// The only handle of a gather's child. Could it be awaited, then a cancel that comes too late for the child would have to come
// back to who waits: see child_record in lib/flow/fork_join.cpp.
gyre::coro<> body(gyre::any_task child) {
#ifdef GYRE_FIXED
  co_await gyre::shield(child);
#else
  co_await child;
#endif
}
