// expect: no matching (member )?function for call to
// SPDX-License-Identifier: BSL-1.0
// proves: RUN-023
#include <gyre/gyre.hpp>

gyre::coro<int> one() { co_return 1; }

int result(gyre::runner& r, gyre::future<int> f) {
#ifdef GYRE_FIXED
  static_cast<void>(f);
  return r.run(one());
#else
  return r.run(f);
#endif
}
