// SPDX-License-Identifier: BSL-1.0
#include "shutdown.hpp"

#include <gyre/flow/wait.hpp>
#include <gyre/runtime/offload.hpp>

#include <algorithm>
#include <vector>

namespace gyre::detail {
namespace {

constexpr std::int64_t executor_limit = 300'000'000'000;  // 5 minutes

void report_leftover(loop_core& l, const any_task& t) {
  report r;
  to_string(t).swap(r.details);
  if (!t.done()) {
    r.message = "task '" + t.get_name() + "' did not end before the shutdown timeout";
  } else if (t.cancelled()) {
    return;
  } else {
    r.exception = t.exception();
    if (r.exception == nullptr) return;
    r.message = "unhandled exception during gyre::run() shutdown";
  }
  l.report_error(std::move(r));
}

}  // namespace

coro<> end_tasks(std::optional<std::int64_t> timeout) {
  auto& here = static_cast<loop_core&>(running_home("run"));
  const any_task self = current_task();
  std::vector<any_task> left;
  for (const any_task& each : all_tasks_of(here)) {
    if (!(each == self)) left.push_back(each);
  }
  if (left.empty()) co_return;
  pooled_vector<core_ref<future_core>> cores;
  cores.reserve(left.size());
  for (const any_task& each : left) {
    each.cancel();
    cores.push_back(each.shared("run"));
  }
  co_await wait_awaiter(std::move(cores), all_completed, timeout);
  for (const any_task& each : left) report_leftover(here, each);
}

void end_executor(loop_core& l, std::int64_t begun, std::optional<std::chrono::nanoseconds> limit) {
  std::int64_t left = executor_limit;
  if (limit) left = std::max<std::int64_t>(deadline_after(begun, limit->count()) - l.now(), 0);
  const std::int64_t deadline = deadline_after(time_source::steady().now(), left);
  if (shutdown_default_executor(l, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline)))) return;
  report r;
  r.message = "the executor did not finish joining its threads before the shutdown timeout";
  l.report_error(std::move(r));
}

}  // namespace gyre::detail
