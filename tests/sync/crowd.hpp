// SPDX-License-Identifier: BSL-1.0
#pragma once
// Many tasks on all loops of a runtime that use the same objects.
#include "loop_test.hpp"

#include <atomic>
#include <functional>
#include <vector>

namespace gyre_test {

constexpr int crowd = 24;

/// As many tasks as `count`: each third one pinned to a loop, the others free.
template <class F, class... Args>
std::vector<gyre::task<>> start_crowd(int count, F body, Args&... args) {
  std::vector<gyre::task<>> tasks;
  for (int i = 0; i < count; ++i) {
    gyre::task_options options;
    options.loop = &gyre::current_runtime().loop(i % gyre::loop_count());
    options.pin = i % 3 == 0;
    tasks.push_back(gyre::create_task(options, body, std::ref(args)...));
  }
  return tasks;
}

inline gyre::coro<> reach(const std::atomic<int>& value, int target) {
  while (value.load() < target) co_await gyre::sleep(std::chrono::nanoseconds(0));
}

/// Cancels every second of `tasks`, one a turn, and waits for all of them.
inline gyre::coro<> cancel_half(std::vector<gyre::task<>> tasks) {
  for (std::size_t i = 0; i < tasks.size(); i += 2) {
    co_await gyre::sleep(std::chrono::nanoseconds(0));
    tasks[i].cancel();
  }
  static_cast<void>(co_await gyre::wait(tasks));
}

}  // namespace gyre_test
