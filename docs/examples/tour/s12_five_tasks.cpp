// SPDX-License-Identifier: BSL-1.0
// Shows: five tasks with a callback each take as long as the longest of them.
// Prints: five lines at the start, one as each task ends, the seconds all took.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

using namespace std::chrono_literals;

gyre::coro<std::string> do_work(int tenths) {
  std::printf("暂停%d秒\n", tenths);
  co_await gyre::sleep(100ms * tenths);
  co_return "暂停了" + std::to_string(tenths) + "秒";
}

void callback(gyre::task<std::string> task) { std::puts(task.result().c_str()); }

int main() {
  auto loop = gyre::new_event_loop();
  std::vector<gyre::task<std::string>> tasks;
  for (int i = 0; i <= 4; ++i) {
    tasks.push_back(loop->create_task(do_work(i)));
    tasks.back().add_done_callback(callback);
  }

  const auto start = std::chrono::steady_clock::now();
  loop->run_until_complete(gyre::wait(tasks));
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  std::printf("总共用时间: %.5f\n", spent.count());
  loop->close();
}
