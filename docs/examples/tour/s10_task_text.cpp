// SPDX-License-Identifier: BSL-1.0
// Shows: the text of a task before and after it ran.
// Prints: the pending task, a line of its own, the finished task, its result.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> do_work() {
  std::puts("这是一个Task例子....");
  co_await gyre::sleep(100ms);
  co_return "Task任务完成";
}

int main() {
  auto loop = gyre::new_event_loop();
  auto task = loop->create_task(do_work());
  std::cout << task << std::endl;

  loop->run_until_complete(task);
  std::cout << task << std::endl;
  std::cout << task.result() << std::endl;
  loop->close();
}
