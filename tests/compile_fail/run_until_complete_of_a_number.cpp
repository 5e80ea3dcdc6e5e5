// expect: no matching (member )?function for call to
// SPDX-License-Identifier: BSL-1.0
// proves: LOOP-017
#include <gyre/gyre.hpp>

int result(gyre::event_loop& loop, gyre::future<int> f) {
#ifdef GYRE_FIXED
  return loop.run_until_complete(f);
#else
  static_cast<void>(f);
  return loop.run_until_complete(1);
#endif
}
