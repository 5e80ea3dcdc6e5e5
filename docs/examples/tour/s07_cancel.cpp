// SPDX-License-Identifier: BSL-1.0
// Shows: a cancelled sleep throws cancelled_error; so do co_await and result() of the cancelled task.
// Prints: before, cancel and after sleep, then twice that it is cancelled.
#include <gyre/gyre.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

struct say_at_exit {
  const char* what;
  ~say_at_exit() { std::puts(what); }
};

gyre::coro<std::string> cancel_me(std::chrono::milliseconds length) {
  std::puts("cancel_me(): before sleep");
  say_at_exit finally{"cancel_me(): after sleep"};
  try {
    co_await gyre::sleep(length);
  } catch (const gyre::cancelled_error&) {
    std::puts("cancel_me(): cancel sleep");
    throw;
  }
  co_return "I hate be canceled";
}

gyre::coro<> test(std::chrono::milliseconds length, std::chrono::milliseconds patience) {
  auto task = gyre::create_task(cancel_me(length));
  co_await gyre::sleep(patience);
  task.cancel();
  try {
    co_await task;
  } catch (const gyre::cancelled_error&) {
    std::puts("main(): cancel_me is cancelled now");
  }
  try {
    std::puts(task.result().c_str());
  } catch (const gyre::cancelled_error&) {
    std::puts("main(): cancel_me is cancelled now");
  }
}

int main() { gyre::run(test(200ms, 100ms)); }
