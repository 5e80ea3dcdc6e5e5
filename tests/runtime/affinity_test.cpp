// SPDX-License-Identifier: BSL-1.0
// Where tasks stay and go: pin_scope, on().
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<int> count_moves(int turns) {
  int moves = 0;
  const event_loop* last = &get_running_loop();
  for (int i = 0; i < turns; ++i) {
    co_await sleep(0ns);
    const event_loop* here = &get_running_loop();
    if (here != last) ++moves;
    last = here;
  }
  co_return moves;
}

coro<int> moves_of_a_child() {
  const task<int> child = create_task(count_moves(20));
  co_return co_await child;
}

// The moves seen inside a scope, and inside one that is nested and has ended.
coro<int> moves_inside() {
  int moves = 0;
  {
    const pin_scope stay;
    moves += co_await count_moves(10);
    {
      const pin_scope nested;
      moves += co_await count_moves(10);
    }
    moves += co_await count_moves(10);
    const auto [a, b] = co_await gather(count_moves(5), moves_of_a_child());
    moves += a + b;
  }
  co_return moves;
}

bool pinned_now() { return detail::this_thread().current->state.is_pinned(); }

coro<int> fail_there() {
  co_await sleep(0ns);
  throw std::runtime_error("there");
  co_return 0;
}

coro<const event_loop*> where() {
  co_await sleep(0ns);
  co_return &get_running_loop();
}

coro<> wait_cancelled(bool& seen) {
  try {
    co_await sleep(1h);
  } catch (const cancelled_error&) {
    seen = true;
    throw;
  }
}

event_loop& other_loop() {
  const auto r = current_runtime();
  return &r.loop(0) == &get_running_loop() ? r.loop(loop_count() - 1) : r.loop(0);
}

}  // namespace

RUNTIME_TEST("C3: in a pin_scope a task stays on its loop, and so do its children", "[runtime][pin_scope]") {
  std::vector<task<int>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(create_task(moves_inside()));
  for (const task<int>& each : tasks) {
    const int moves = co_await each;
    CHECK(moves == 0);
  }
}

RUNTIME_TEST("pin_scope: afterwards the task is what it was before", "[runtime][pin_scope]") {
  const auto body = [](bool before) -> coro<bool> {
    bool right = pinned_now() == before;
    {
      const pin_scope outer;
      right = right && pinned_now();
      {
        const pin_scope inner;
        co_await sleep(0ns);
        right = right && pinned_now();
      }
      right = right && pinned_now();
    }
    co_await sleep(0ns);
    co_return right&& pinned_now() == before;
  };
  const task<bool> free = create_task(body, false);
  const task_options pinned{.pin = true};
  const task<bool> tied = create_task(pinned, body, true);
  const bool free_right = co_await free;
  const bool tied_right = co_await tied;
  CHECK(free_right);
  CHECK(tied_right);
  // A child of a fork-join is a task as well.
  const auto [a, b] = co_await gather(body(false), body(false));
  CHECK(a);
  CHECK(b);
}

TEST_CASE("pin_scope: a task that has left one is stolen again", "[runtime][pin_scope]") {
  // While its loop is held up, only another loop can run it.
  const auto free_again = [](event_loop*& held_loop, std::atomic<bool>& out) -> coro<> {
    {
      const pin_scope stay;
      co_await sleep(0ns);
      held_loop = &get_running_loop();
    }
    while (&get_running_loop() == held_loop) co_await sleep(0ns);
    out = true;
  };
  const auto hold_up = [](const std::atomic<bool>& end) -> coro<> {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!end && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    co_return;
  };
  const auto first = [](auto victim, auto holder, std::atomic<bool>& end) -> coro<> {
    event_loop* loop = nullptr;
    const task<> t = create_task(victim, std::ref(loop), std::ref(end));
    while (loop == nullptr) co_await sleep(0ns);
    const task_options there{.pin = true, .loop = loop};
    create_task(there, holder, std::cref(end));
    co_await t;
  };
  std::atomic<bool> out{false};
  runtime r(run_options().loops(3));
  run_coroutine_threadsafe(first(free_again, hold_up, out), r).result();
  CHECK(out);
}

TEST_CASE("pin_scope: outside a task there is none", "[runtime][pin_scope]") {
  CHECK_THROWS_AS(pin_scope(), no_running_loop);
  const auto main = []() -> coro<std::string> {
    std::string how;
    get_running_loop().call_soon([&how] {
      try {
        const pin_scope stay;
      } catch (const no_running_loop& e) {
        how = e.what();
      }
    });
    co_await settle(2);
    co_return how;
  };
  CHECK(run(main(), one_loop()) == "pin_scope: no task is running here");
}

TEST_CASE("pin_scope: a task destroyed in its scope lets it go", "[runtime][pin_scope]") {
  for (const int loops : {1, 4}) {
    const auto held = std::make_shared<int>(0);
    const auto inside = [](std::shared_ptr<int> token) -> coro<> {
      const pin_scope stay;
      for (;;) {
        try {
          co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
      }
      static_cast<void>(token);
    };
    const auto main = [](auto body, std::shared_ptr<int> token) -> coro<> {
      for (int i = 0; i < loop_count(); ++i) {
        current_runtime().loop(i).set_exception_handler([](event_loop&, const exception_context&) {});
      }
      create_task(body, token);
      const auto fork = [](auto leaf, std::shared_ptr<int> kept) -> coro<> { co_await gather(leaf(kept), leaf(kept)); };
      create_task(fork, body, token);
      co_await settle(5);
    };
    testing::simulate(3, run_options().loops(loops).shutdown_timeout(1ms), main(inside, held));
    CHECK(held.use_count() == 1);
  }
}

RUNTIME_TEST("pin_scope: resume_on moves the task, which stays there", "[runtime][pin_scope][resume_on]") {
  const auto body = []() -> coro<int> {
    const pin_scope stay;
    event_loop& target = other_loop();
    co_await resume_on(target);
    const int moves = co_await count_moves(10);
    co_return &get_running_loop() == &target ? moves : -1;
  };
  const task<int> t = create_task(body());
  const int moves = co_await t;
  CHECK(moves == 0);
}

RUNTIME_TEST("on: the body runs there, in the same task, and the task comes back", "[runtime][on]") {
  const auto body = []() -> coro<std::string> {
    const pin_scope stay;  // to know where home is
    const event_loop* home = &get_running_loop();
    event_loop& target = other_loop();
    const any_task me = current_task();
    const auto visit = [](const any_task& caller, const event_loop& there) -> coro<int> {
      if (!(current_task() == caller)) co_return -1;
      if (&get_running_loop() != &there) co_return -2;
      const int moves = co_await count_moves(10);
      co_return &get_running_loop() == &there ? 7 + moves : -3;
    };
    const int given = co_await on(target, visit, std::cref(me), std::cref(target));
    if (given != 7) co_return "inside: " + std::to_string(given);
    co_return &get_running_loop() == home ? "right" : "not home";
  };
  std::vector<task<std::string>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(create_task(body()));
  for (const task<std::string>& each : tasks) {
    const std::string how = co_await each;
    CHECK(how == "right");
  }
}

RUNTIME_TEST("on: takes a coroutine, a coroutine function, a plain function", "[runtime][on]") {
  const auto body = []() -> coro<bool> {
    event_loop& target = other_loop();
    const event_loop* by_coro = co_await on(target, where());
    const event_loop* by_function = co_await on(target, where);
    const event_loop* by_plain =
        co_await on(target, [] { return static_cast<const event_loop*>(&get_running_loop()); });
    int seen = 0;
    co_await on(target, [](int& out, int value) { out = value; }, std::ref(seen), 5);
    std::unique_ptr<int> owned = std::make_unique<int>(3);
    const auto take = [](std::unique_ptr<int> p) -> coro<int> { co_return *p; };
    const int taken = co_await on(target, take, std::move(owned));
    co_return by_coro == &target&& by_function == &target&& by_plain == &target&& seen == 5 && taken == 3;
  };
  const task<bool> t = create_task(body());
  const bool right = co_await t;
  CHECK(right);
}

RUNTIME_TEST("on: an error of the body comes home", "[runtime][on]") {
  const auto body = []() -> coro<std::string> {
    const pin_scope stay;
    const event_loop* home = &get_running_loop();
    std::string how;
    try {
      static_cast<void>(co_await on(other_loop(), fail_there()));
    } catch (const std::runtime_error& e) {
      how = e.what();
    }
    co_return &get_running_loop() == home ? how : "not home";
  };
  const task<std::string> t = create_task(body());
  const std::string how = co_await t;
  CHECK(how == "there");
}

RUNTIME_TEST("on: a cancel goes to the body, and the task comes home with it", "[runtime][on]") {
  const auto body = [](bool& seen, bool& begun) -> coro<std::string> {
    const pin_scope stay;
    const event_loop* home = &get_running_loop();
    const auto visit = [](bool& delivered, bool& started) -> coro<> {
      started = true;
      co_await wait_cancelled(delivered);
    };
    std::string how = "no error";
    try {
      co_await on(other_loop(), visit, std::ref(seen), std::ref(begun));
    } catch (const cancelled_error&) {
      how = "cancelled";
    }
    co_return &get_running_loop() == home ? how : "not home";
  };
  bool seen = false;
  bool begun = false;
  const task<std::string> t = create_task(body(seen, begun));
  while (!begun) co_await sleep(1ms);
  t.cancel();
  const std::string how = co_await t;
  CHECK(how == "cancelled");
  CHECK(seen);
}

RUNTIME_TEST("on: cancelled before it has arrived the body does not begin", "[runtime][on]") {
  const auto body = [](bool& begun) -> coro<std::string> {
    const pin_scope stay;
    const event_loop* home = &get_running_loop();
    current_task().cancel();  // delivered at the next suspension: the way there
    const auto visit = [](bool& started) -> coro<> {
      started = true;
      co_return;
    };
    std::string how = "no error";
    try {
      co_await on(other_loop(), visit(begun));
    } catch (const cancelled_error&) {
      how = "cancelled";
    }
    co_return &get_running_loop() == home ? how : "not home";
  };
  const report_catcher caught;
  bool begun = false;
  const task<std::string> t = create_task(body(begun));
  const std::string how = co_await t;
  CHECK(how == "cancelled");
  CHECK_FALSE(begun);
  CHECK(caught.reports.empty());  // nor is it reported as never awaited
}

RUNTIME_TEST("on: a cancel that comes on the way back does not lose the value", "[runtime][on]") {
  const auto body = [](int& given) -> coro<std::string> {
    given = co_await on(other_loop(), [] {
      current_task().cancel();
      return 9;
    });
    co_return "ran on";
  };
  int given = 0;
  const task<std::string> t = create_task(body(given));
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");  // a task that returns while a cancel is pending
  CHECK(given == 9);
}

RUNTIME_TEST("on: main stays, and is told so; a task there is the other way", "[runtime][on]") {
  event_loop& target = other_loop();
  std::string how;
  try {
    static_cast<void>(co_await on(target, where()));
  } catch (const error& e) {
    how = e.what();
  }
  CHECK(how == "resume_on: main stays on the thread that called run()");
  const task_options there{.pin = true, .loop = &target};
  const task<const event_loop*> t = create_task(there, where);
  const event_loop* ran_on = co_await t;
  CHECK(ran_on == &target);
}

LOOP_TEST("on: the running loop itself, and one of another runtime", "[runtime][on]") {
  const event_loop* here = co_await on(get_running_loop(), where());
  CHECK(here == &get_running_loop());
  const auto foreign = new_event_loop();
  bool refused = false;
  try {
    static_cast<void>(co_await on(*foreign, where()));
  } catch (const foreign_runtime&) {
    refused = true;
  }
  CHECK(refused);
}
