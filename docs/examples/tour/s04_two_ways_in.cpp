// SPDX-License-Identifier: BSL-1.0
// Shows: the same coros through run_until_complete of one loop, then through run, each timed.
// Prints: per program its name, what it says and the seconds it took.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <utility>

using namespace std::chrono_literals;

gyre::coro<> say_after(std::chrono::milliseconds delay, const char* what) {
  co_await gyre::sleep(delay);
  std::puts(what);
}

gyre::coro<> main1() {
  co_await say_after(200ms, "2s");
  co_await say_after(100ms, "1s");
}

gyre::coro<> main2() { co_await gyre::gather(say_after(200ms, "2s"), say_after(100ms, "1s")); }

gyre::coro<> main3() {
  auto slow = gyre::create_task(say_after(200ms, "2s"));
  auto fast = gyre::create_task(say_after(100ms, "1s"));
  co_await gyre::wait(slow, fast);
}

template <class Entry>
void timed(Entry entry, gyre::coro<> (*program)()) {
  gyre::coro<> body = program();
  std::cout << "----------" << body.name() << std::endl;
  const auto start = std::chrono::steady_clock::now();
  entry(std::move(body));
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  std::printf("==========%.5f\n", spent.count());
}

int main() {
  std::puts("########### 用 loop 入口协程 ###########");
  auto loop = gyre::new_event_loop();
  auto through_loop = [&](gyre::coro<> body) { loop->run_until_complete(std::move(body)); };
  for (auto program : {main1, main2, main3}) timed(through_loop, program);
  loop->close();

  std::puts("########### 用 run 入口协程 ###########");
  auto through_run = [](gyre::coro<> body) { gyre::run(std::move(body)); };
  for (auto program : {main1, main2, main3}) timed(through_run, program);
}
