// SPDX-License-Identifier: BSL-1.0
// Shows: calling a coroutine function only makes an object; a loop runs it.
// Prints: the object, Hello...., world...
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <utility>

using namespace std::chrono_literals;

gyre::coro<> do_work() {
  std::puts("Hello....");
  co_await gyre::sleep(100ms);
  std::puts("world...");
}

int main() {
  gyre::coro<> coroutine = do_work();
  std::cout << coroutine << std::endl;

  gyre::set_event_loop(gyre::new_event_loop());
  gyre::event_loop& loop = gyre::get_event_loop();
  loop.run_until_complete(std::move(coroutine));
  loop.close();
}
