// SPDX-License-Identifier: BSL-1.0
// A process that is forked while event loops exist.
#include "loop_test.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <future>
#include <memory>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> nothing() { co_return; }
coro<int> number() { co_return 5; }

// What `f` gives in a child process: its exit status.
template <class F>
int in_child(F f) {
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 99;
    try {
      result = f();
    } catch (...) {
    }
    ::_exit(result);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

template <class F>
bool refused(F f) {
  try {
    f();
    return false;
  } catch (const forked_child&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

TEST_CASE("FAULT-34: in a child forked beside a runtime every call is refused", "[faults]") {
  runtime r(run_options().loops(2));
  const auto forever = []() -> coro<> { co_await sleep(24h); };
  const auto pending = run_coroutine_threadsafe(forever(), r);
  task_options there;
  there.loop = &r.loop(0);
  const std::array<std::function<void()>, 14> calls{
      [] { static_cast<void>(get_running_loop()); },
      [] { static_cast<void>(get_event_loop()); },
      [] { create_task(nothing()); },
      [&] { create_task(nothing(), there); },
      [] { gyre::run(nothing()); },
      [] { static_cast<void>(new_event_loop()); },
      [] { const runtime another; },
      [&] { static_cast<void>(run_coroutine_threadsafe(nothing(), r)); },
      [&] { static_cast<void>(run_coroutine_threadsafe(nothing(), r.loop(1))); },
      [&] { r.loop(0).call_soon([] {}); },
      [&] { r.loop(0).call_soon_threadsafe([] {}); },
      [&] { r.loop(0).call_later(1s, [] {}); },
      [&] { pending.result(); },
      [&] { r.stop(); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    INFO("call " << i);
    CHECK(in_child([&] { return refused(calls[i]) ? 0 : 1; }) == 0);
  }
  CHECK(run_coroutine_threadsafe(number(), r).result() == 5);  // the parent's goes on
}

TEST_CASE("FAULT-34: a child is told of the fork also by a loop that was closed before", "[faults]") {
  const auto loop = new_event_loop();
  loop->close();
  const std::array<std::function<void()>, 5> calls{
      [&] { loop->call_soon([] {}); },
      [&] { loop->call_soon_threadsafe([] {}); },
      [&] { loop->call_later(1s, [] {}); },
      [&] { loop->close(); },
      [&] { static_cast<void>(run_coroutine_threadsafe(nothing(), *loop)); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    INFO("call " << i);
    CHECK_FALSE(refused(calls[i]));
    CHECK(in_child([&] { return refused(calls[i]) ? 0 : 1; }) == 0);
  }
}

TEST_CASE("FAULT-34: a child does not wait for its parent's threads when it destroys what it inherited", "[faults]") {
  auto r = std::make_unique<runtime>(run_options().loops(2));
  auto pool = std::make_unique<thread_pool_executor>(2);
  auto main = std::make_unique<runner>(run_options().loops(2));
  main->run(nothing());
  auto loop = new_event_loop();
  pool->submit([] {}).result();
  CHECK(in_child([&] {
          r.reset();
          pool.reset();
          main.reset();
          loop.reset();
          return 3;
        }) == 3);
}

TEST_CASE("FAULT-34: a task may fork; the child may leave, but not come back to the loop", "[faults]") {
  for (const int loops : {1, 4}) {
    const auto main = [](int& left, int& returned, bool& no_loop) -> coro<> {
      left = in_child([] { return refused([] { static_cast<void>(get_running_loop()); }) ? 4 : 5; });
      const pid_t child = ::fork();
      if (child == 0) {
        ::close(STDERR_FILENO);
        co_return;
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      returned = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      const pid_t waiting = ::fork();
      if (waiting == 0) {
        ::close(STDERR_FILENO);
        co_await sleep(0ns);
        ::_exit(0);
      }
      ::waitpid(waiting, &status, 0);
      no_loop = WIFEXITED(status) && WEXITSTATUS(status) == 70;
      co_await sleep(1ms);  // the parent's loop works as before
    };
    int left = 0;
    int returned = 0;
    bool no_loop = false;
    run(main(left, returned, no_loop), run_options().loops(loops));
    CHECK(left == 4);
    CHECK(returned == 70);
    CHECK(no_loop);
  }
}

TEST_CASE("FAULT-34: a child of a process without event loops may use gyre", "[faults]") {
  run(nothing());  // over and gone
  CHECK(in_child([] { return run(number(), run_options().loops(2)); }) == 5);
}
