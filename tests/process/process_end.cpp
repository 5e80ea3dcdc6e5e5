// SPDX-License-Identifier: BSL-1.0
// One way in which a program ends: process_end WAY LOOPS. A line SIGINT asks the script that runs this for the signal.
#include <gyre/gyre.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace gyre;
using namespace std::chrono_literals;

namespace {

run_options options;

void say(const char* line) {
  std::puts(line);
  std::fflush(stdout);
}

coro<> clean_up(const char* who) {
  std::exception_ptr error;
  try {
    co_await sleep(24h);
  } catch (const cancelled_error&) {
    error = std::current_exception();
  }
  co_await sleep(5ms);  // the way out may wait
  say(who);
  std::rethrow_exception(error);
}

// Says so each time, and asks for another signal.
coro<> swallow(const char* who, int asks) {
  for (int i = 0;; ++i) {
    try {
      co_await sleep(24h);
    } catch (const cancelled_error&) {
      say(who);
      if (i < asks) say("SIGINT");
    }
  }
}

coro<> begin_beside(coro<> child, coro<> then) {
  const task_options here{.pin = true};
  create_task(std::move(child), here);
  co_await sleep(0ns);
  say("SIGINT");
  co_await std::move(then);
}

int run_interrupted(coro<> main) {
  try {
    run(std::move(main), options);
  } catch (const keyboard_interrupt&) {
    say("interrupted");
    return 130;
  }
  return 0;
}

coro<> nothing() { co_return; }
coro<> sleep_long() { co_await sleep(24h); }

int drain() { return run_interrupted(begin_beside(clean_up("child cleans up"), clean_up("main cleans up"))); }

int drain_value() {
  const auto main = []() -> coro<int> {
    say("SIGINT");
    try {
      co_await clean_up("main cleans up");
    } catch (const cancelled_error&) {
    }
    co_return 4;
  };
  const std::string line = "value " + std::to_string(run(main(), options));
  say(line.c_str());
  return 0;
}

// main swallows the first one; the second leaves, and the shutdown cancels main once more.
int second_in_main() {
  const auto main = []() -> coro<> {
    say("SIGINT");
    try {
      co_await sleep(24h);
    } catch (const cancelled_error&) {
      say("main cleans up");
    }
    say("SIGINT");
    co_await clean_up("main cleans up");
  };
  return run_interrupted(main());
}

int second_in_user_code() {
  const auto main = []() -> coro<> {
    say("main is busy");
    std::raise(SIGINT);
    std::raise(SIGINT);
    for (;;) std::this_thread::sleep_for(1h);
    co_return;
  };
  return run_interrupted(main());
}

// The first ends main; the second comes while the shutdown waits for a task that does not end.
int second_in_shutdown() { return run_interrupted(begin_beside(swallow("child swallows", 1), sleep_long())); }

// Both come while main runs; then the shutdown waits for a task that does not end.
int second_then_shutdown() {
  const auto main = []() -> coro<> {
    const task_options here{.pin = true};
    create_task(swallow("child swallows", 0), here);
    co_await sleep(0ns);
    say("SIGINT");
    try {
      co_await sleep(24h);
    } catch (const cancelled_error&) {
      say("main cleans up");
    }
    say("SIGINT");
    try {
      co_await sleep(24h);
    } catch (const cancelled_error&) {
    }
  };
  return run_interrupted(main());
}

// The second comes in the loop's last turn for main: it looks at no signal after that.
int second_as_main_ends() {
  const auto main = []() -> coro<> {
    current_task().add_done_callback([](const auto&) { std::raise(SIGINT); });
    co_await begin_beside(swallow("child swallows", 0), sleep_long());
  };
  return run_interrupted(main());
}

int third_runner_run() {
  runner r(options);
  try {
    r.run(begin_beside(nothing(), sleep_long()));
  } catch (const keyboard_interrupt&) {
    say("interrupted");
  }
  r.run(nothing());
  say("ran again");
  return 0;
}

int exit_in_main() {
  const auto main = []() -> coro<> {
    say("leaving");
    std::exit(7);
    co_return;
  };
  run(main(), options);
  return 0;
}

int exit_in_task() {
  const auto leave = []() -> coro<> {
    say("leaving");
    std::exit(7);
    co_return;
  };
  const auto main = [](auto body) -> coro<> {
    const task_options there{.pin = true, .loop = &current_runtime().loop(loop_count() - 1)};
    create_task(there, body);
    for (int i = 0; i < 10; ++i) create_task(swallow("", 0));
    co_await sleep(24h);
  };
  run(main(leave), options);
  return 0;
}

int leaked_runtime() {
  auto* leaked = new runtime(options);
  for (int i = 0; i < 20; ++i) static_cast<void>(run_coroutine_threadsafe(swallow("", 0), *leaked));
  say("main returns");
  return 0;
}

std::optional<runtime> lives_to_the_end;

int static_runtime() {
  lives_to_the_end.emplace(options);
  std::promise<void> begun;
  const auto body = [](std::promise<void>& started) -> coro<> {
    started.set_value();
    try {
      co_await sleep(24h);
    } catch (const cancelled_error&) {
      say("task cancelled");
    }
  };
  static_cast<void>(run_coroutine_threadsafe(body(begun), *lives_to_the_end));
  begun.get_future().wait();
  say("main returns");
  return 0;
}

int stuck_offload() {
  const auto main = []() -> coro<> {
    std::promise<void> begun;
    const auto stuck = [](std::promise<void>& in) {
      in.set_value();
      for (;;) std::this_thread::sleep_for(1h);
    };
    const auto wait_for_it = [](auto fn, std::promise<void>& in) -> coro<> { co_await to_thread(fn, std::ref(in)); };
    create_task(wait_for_it(stuck, begun));
    co_await to_thread([&begun] { begun.get_future().wait(); });
  };
  run(main(), options.shutdown_timeout(10ms));
  say("run returns");
  return 0;
}

int stuck_loop() {
  const auto main = []() -> coro<> {
    if (loop_count() == 1) co_return;
    static std::atomic<bool> begun{false};
    const auto stuck = []() -> coro<> {
      begun = true;
      for (;;) std::this_thread::sleep_for(1h);
      co_return;
    };
    const task_options there{.pin = true, .loop = &current_runtime().loop(1)};
    create_task(there, stuck);
    while (!begun) std::this_thread::yield();
  };
  run(main(), options.shutdown_timeout(10ms));
  say("run returns");
  return 0;
}

int runtime_in_own_task() {
  auto* owned = new runtime(options);
  const auto body = [](runtime* r) -> coro<> {
    say("destroying");
    delete r;
    co_return;
  };
  run_coroutine_threadsafe(body(owned), *owned).result();
  return 0;
}

int loop_in_own_callback() {
  auto loop = new_event_loop();
  loop->call_soon([&loop] {
    say("destroying");
    loop.reset();
  });
  loop->run_forever();
  return 0;
}

int uncaught() {
  const auto main = []() -> coro<> {
    create_task(clean_up(""));
    say("main throws");
    throw std::runtime_error("nobody catches this");
    co_return;
  };
  run(main(), options);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::map<std::string, int (*)()> ways{{"drain", drain},
                                              {"drain_value", drain_value},
                                              {"second_in_main", second_in_main},
                                              {"second_in_user_code", second_in_user_code},
                                              {"second_in_shutdown", second_in_shutdown},
                                              {"second_then_shutdown", second_then_shutdown},
                                              {"second_as_main_ends", second_as_main_ends},
                                              {"third_runner_run", third_runner_run},
                                              {"exit_in_main", exit_in_main},
                                              {"exit_in_task", exit_in_task},
                                              {"leaked_runtime", leaked_runtime},
                                              {"static_runtime", static_runtime},
                                              {"stuck_offload", stuck_offload},
                                              {"stuck_loop", stuck_loop},
                                              {"runtime_in_own_task", runtime_in_own_task},
                                              {"loop_in_own_callback", loop_in_own_callback},
                                              {"uncaught", uncaught}};
  const auto way = ways.find(argv[1]);
  if (way == ways.end()) return 2;
  options.loops(std::stoi(argv[2]));
  return way->second();
}
