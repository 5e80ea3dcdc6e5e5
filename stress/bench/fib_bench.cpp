// SPDX-License-Identifier: BSL-1.0
// fib: the naive recursion, two children a call.
#include "harness/boards.hpp"
#include "runtime_options.hpp"

namespace {

gyre::coro<std::int64_t> fib(int n) {
  if (n < 2) co_return n;
  const auto [left, right] = co_await gyre::gather(fib(n - 1), fib(n - 2));
  co_return left + right;
}

gyre::coro<bench::outcome> measure(bench::request wanted) {
  const bench::stopwatch watch;
  const std::int64_t value = co_await gyre::create_task(fib(static_cast<int>(wanted.size)));
  const bench::outcome result = watch.stop(bench::fib_calls(wanted.size));
  bench::require(value == bench::fib_value(wanted.size), "fib: the value");
  co_return result;
}

const bench::workload registered{"fib", [](const bench::request& wanted) { return bench::run_main(measure, wanted); }};

}  // namespace
