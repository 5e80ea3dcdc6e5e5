// expect: could not convert|cannot convert|no viable conversion|no matching function
// SPDX-License-Identifier: BSL-1.0
// proves: THREAD-009
#include <gyre/gyre.hpp>

struct other_executor final : gyre::offload_executor {
  void execute(gyre::offload_work work) override { work(); }
  bool shutdown(std::chrono::steady_clock::time_point) override { return true; }
};

#ifdef GYRE_FIXED
using executor = gyre::thread_pool_executor;
#else
using executor = other_executor;
#endif

void choose(gyre::event_loop& loop) { loop.set_default_executor(std::make_shared<executor>()); }
