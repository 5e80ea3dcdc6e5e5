// expect: takes tasks or futures, not coroutines
// SPDX-License-Identifier: BSL-1.0
#include <gyre/gyre.hpp>

#include <utility>
#include <vector>

gyre::coro<int> one() { co_return 1; }

gyre::coro<> body() {
#ifdef GYRE_FIXED
  std::vector<gyre::task<int>> all;
  all.push_back(gyre::create_task(one()));
#else
  std::vector<gyre::coro<int>> all;
  all.push_back(one());
#endif
  co_await gyre::wait(all);
}
