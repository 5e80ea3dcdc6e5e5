// SPDX-License-Identifier: BSL-1.0
#pragma once
// How gyre's workloads start a runtime.
#include <gyre/gyre.hpp>

#include "harness/program.hpp"

namespace bench {

inline gyre::run_options runtime_options(const request& wanted) {
  gyre::run_options options;
  options.loops(wanted.threads);
  if (wanted.asyncio_order && wanted.threads == 1) {
    options.order(gyre::run_order::asyncio);
  } else {
    options.order(gyre::run_order::fork_join);
  }
  return options;
}

/// Runs `body(wanted)` as the main coroutine.
inline outcome run_main(gyre::coro<outcome> (*body)(request), const request& wanted) {
  return gyre::run(body(wanted), runtime_options(wanted));
}

inline gyre::coro<std::int64_t> answer(std::int64_t value) { co_return value; }

/// Awaits all tasks; returns the sum of their results.
inline gyre::coro<std::int64_t> sum_of(std::vector<gyre::task<std::int64_t>>& tasks) {
  std::int64_t sum = 0;
  for (const gyre::task<std::int64_t>& each : tasks) sum += co_await each;
  co_return sum;
}

}  // namespace bench
