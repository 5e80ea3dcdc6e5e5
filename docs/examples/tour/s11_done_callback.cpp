// SPDX-License-Identifier: BSL-1.0
// Shows: a function that the loop calls with the task once the task has ended.
// Prints: a line of the task, the finished task, its result.
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

void callback(gyre::task<std::string> task) {
  std::cout << task << std::endl;
  std::cout << task.result() << std::endl;
}

int main() {
  auto loop = gyre::new_event_loop();
  auto task = loop->create_task(do_work());
  task.add_done_callback(callback);
  loop->run_until_complete(task);
  loop->close();
}
