// SPDX-License-Identifier: BSL-1.0
// Shows: run_forever goes on until somebody stops it: here the callback of a gather.
// Prints: two lines at the start, the finished gather, a line of the callback.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

gyre::coro<std::string> do_work(int tenths) {
  std::printf("暂停%d秒\n", tenths);
  co_await gyre::sleep(100ms * tenths);
  co_return "暂停了" + std::to_string(tenths) + "秒";
}

int main() {
  auto loop = gyre::new_event_loop();
  gyre::set_event_loop(loop);

  auto both = gyre::gather(do_work(1), do_work(3));
  both.add_done_callback([&](const auto& gathering) {
    std::cout << gathering << std::endl;
    std::puts("多个Task任务完成后的回调");
    loop->stop();
  });
  loop->run_forever();
  loop->close();
}
