// SPDX-License-Identifier: BSL-1.0
// Timeouts and task groups on several loops: deadlines, cancels and failures that meet. What must come out even is the
// count of cancel requests: each one that was accepted stays counted, and none is delivered that nobody made.
#include "flow/group_test.hpp"

#include <atomic>
#include <memory>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

constexpr int crowd = 12;
constexpr int rounds = 15;

/// A task's place: each third one is pinned to a loop, the others are free.
task_options place(int i) {
  task_options options;
  options.loop = &current_runtime().loop(i % loop_count());
  options.pin = i % 3 == 0;
  return options;
}

/// What the tasks of a test have seen.
struct tally {
  std::atomic<int> timeouts{0};
  std::atomic<int> cancels{0};
  std::atomic<int> failures{0};
  std::atomic<int> ended{0};
  std::atomic<int> wrong{0};
};

void count(tally& t, const std::exception_ptr& error) {
  if (error == nullptr) return;
  if (detail::caught_as<timeout_error>(error) != nullptr) {
    ++t.timeouts;
  } else if (detail::caught_as<cancelled_error>(error) != nullptr) {
    ++t.cancels;
  } else {
    ++t.failures;
  }
}

/// Awaits `body` and counts how it ends.
coro<> counted(tally& t, coro<> body) {
  std::exception_ptr error;
  try {
    co_await std::move(body);
  } catch (...) {
    error = std::current_exception();
  }
  count(t, error);
}

coro<> turns(int n) { co_await settle(n); }

coro<> yield() { co_await sleep(0ns); }

/// Cancels each of `targets` now and then; counts what was accepted.
coro<> cancel_all(std::vector<task<>>& targets, std::vector<std::atomic<unsigned>>& accepted, int times) {
  for (int n = 0; n < times; ++n) {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (targets[i].cancel()) ++accepted[i];
      co_await sleep(0ns);
    }
    co_await sleep(20us);
  }
}

}  // namespace

RUNTIME_TEST("XLOOP-026: a deadline that meets the end of its block cancels nothing later", "[flow][timeout]") {
  tally seen;
  const auto body = [](tally& t) -> coro<> {
    // A cancel that was swallowed stays counted: an own request that is taken back does not bring the count to 0.
    current_task().cancel();
    co_await counted(t, yield());
    for (int i = 0; i < rounds; ++i) {
      std::exception_ptr error;
      try {
        co_await with_timeout(std::chrono::microseconds(i % 4), turns, i % 3);
      } catch (...) {
        error = std::current_exception();
      }
      if (error != nullptr && detail::caught_as<timeout_error>(error) == nullptr) ++t.wrong;
      try {
        co_await sleep(0ns);
        co_await wait_for(sleep(0ns), 1us);
      } catch (const timeout_error&) {
        ++t.timeouts;
      } catch (...) {
        ++t.wrong;
      }
      if (current_task().cancelling() != 1) ++t.wrong;
    }
  };
  std::vector<task<>> tasks;
  for (int i = 0; i < crowd; ++i) tasks.push_back(create_task(place(i), body, std::ref(seen)));
  co_await gather(tasks);
  CHECK(seen.wrong == 0);
  CHECK(seen.cancels == crowd);
}

RUNTIME_TEST("XLOOP-012: deadlines and cancels from other loops: each accepted cancel stays counted",
             "[flow][timeout]") {
  tally seen;
  const auto body = [](tally& t) -> coro<> {
    for (int i = 0; i < rounds; ++i) {
      const auto nested = [](int round) -> coro<> {
        co_await with_timeout(std::chrono::microseconds(20 + round % 3), forever);
      };
      co_await counted(t, with_timeout(std::chrono::microseconds(20 + i % 5), nested, i));
    }
  };
  std::vector<task<>> tasks;
  for (int i = 0; i < crowd; ++i) tasks.push_back(create_task(place(i), body, std::ref(seen)));
  std::vector<std::atomic<unsigned>> accepted(tasks.size());
  task<> a = create_task(place(1), cancel_all, std::ref(tasks), std::ref(accepted), 3);
  task<> b = create_task(place(2), cancel_all, std::ref(tasks), std::ref(accepted), 3);
  co_await gather(a, b);
  static_cast<void>(co_await wait(tasks));
  unsigned all = 0;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    CHECK(tasks[i].cancelling() == accepted[i]);
    all += accepted[i];
  }
  CHECK(seen.failures == 0);
  CHECK(seen.cancels <= static_cast<int>(all));
}

RUNTIME_TEST("XLOOP-012: a task that nobody cancels sees no cancel", "[flow][timeout]") {
  tally seen;
  const auto body = [](tally& t) -> coro<> {
    for (int i = 0; i < rounds; ++i) {
      co_await counted(t, with_timeout(std::chrono::microseconds(i % 6), turns, 3));
    }
    if (current_task().cancelling() != 0) ++t.wrong;
    co_await counted(t, yield());
  };
  std::vector<task<>> tasks;
  for (int i = 0; i < crowd; ++i) tasks.push_back(create_task(place(i), body, std::ref(seen)));
  co_await gather(tasks);
  CHECK(seen.wrong == 0);
  CHECK(seen.cancels == 0);
}

RUNTIME_TEST("TMO-017: reschedule from other loops", "[flow][timeout]") {
  tally seen;
  for (int i = 0; i < rounds; ++i) {
    const auto shared = std::make_shared<timeout_scope>(std::nullopt);
    const auto mover = [](std::shared_ptr<timeout_scope> scope) -> coro<> {
      for (int n = 0; n < 4; ++n) {
        try {
          scope->reschedule(get_running_loop().now() + std::chrono::microseconds(40 - 13 * n));
        } catch (const error&) {  // not entered yet, or over
        }
        co_await sleep(0ns);
      }
    };
    const auto entered = [](std::shared_ptr<timeout_scope> scope, tally& t) -> coro<> {
      const auto body = [](timeout_scope& s) -> coro<> {
        try {
          s.reschedule(get_running_loop().now() + 50us);
        } catch (const error&) {  // it is over already
        }
        co_await forever();
      };
      co_await counted(t, with(*scope, body));
      if (!scope->expired() || current_task().cancelling() != 0) ++t.wrong;
    };
    const task<> t = create_task(place(i), entered, shared, std::ref(seen));
    const task<> m = create_task(place(i + 1), mover, shared);
    co_await gather(t, m);
  }
  CHECK(seen.timeouts == rounds);
  CHECK(seen.wrong == 0);
}

RUNTIME_TEST("XLOOP-015: tasks of a group end on all loops; the scope waits for each", "[flow][task_group]") {
  tally seen;
  const auto leaf = [](tally& t, int n) -> coro<> {
    co_await settle(n % 4);
    ++t.ended;
  };
  for (int round = 0; round < 5; ++round) {
    seen.ended = 0;
    const auto body = [&](task_group& group) -> coro<> {
      for (int i = 0; i < 40; ++i) group.create_task(place(i), leaf, std::ref(seen), i);
      co_await settle(round);
    };
    co_await with_task_group(body);
    CHECK(seen.ended == 40);
  }
}

RUNTIME_TEST("XLOOP-015: many tasks of a group fail at once", "[flow][task_group]") {
  tally seen;
  const auto child = [](tally& t, int n) -> coro<> {
    std::exception_ptr error;
    try {
      if (n % 2 == 0) {
        co_await settle(n % 3);
      } else {
        co_await forever();
      }
    } catch (...) {
      error = std::current_exception();
    }
    ++t.ended;
    if (error != nullptr) std::rethrow_exception(error);
    ++t.failures;
    throw std::runtime_error("bad");
  };
  for (int round = 0; round < 5; ++round) {
    seen.ended = 0;
    seen.failures = 0;
    task_group group;
    const auto body = [&]() -> coro<> {
      for (int i = 0; i < 20; ++i) {
        try {
          group.create_task(place(i), child, std::ref(seen), i);
        } catch (const error&) {
          break;
        }
      }
      co_await forever();
    };
    std::size_t errors = 0;
    try {
      co_await with(group, body);
    } catch (const exception_group& e) {
      errors = e.exceptions().size();
    }
    CHECK(errors == static_cast<std::size_t>(seen.failures.load()));
    CHECK(errors > 0);
    CHECK(current_task().cancelling() == 0);
  }
}

RUNTIME_TEST("XLOOP-012: groups that fail while their parents are cancelled from other loops", "[flow][task_group]") {
  tally seen;
  const auto child = [](int n) -> coro<> {
    co_await settle(n);
    throw std::runtime_error("bad");
  };
  const auto parent = [](tally& t, decltype(child) failing) -> coro<> {
    for (int i = 0; i < rounds; ++i) {
      const auto body = [](task_group& group, decltype(failing) f, int round) -> coro<> {
        group.create_task(place(round), f, round % 4);
        group.create_task(forever);
        co_await settle(round % 5);
      };
      const unsigned before = current_task().cancelling();
      std::exception_ptr error;
      try {
        co_await with_task_group(body, failing, i);
      } catch (...) {
        error = std::current_exception();
      }
      count(t, error);
      if (error == nullptr || current_task().cancelling() < before) ++t.wrong;
    }
  };
  std::vector<task<>> tasks;
  for (int i = 0; i < crowd; ++i) tasks.push_back(create_task(place(i), parent, std::ref(seen), child));
  std::vector<std::atomic<unsigned>> accepted(tasks.size());
  task<> a = create_task(place(1), cancel_all, std::ref(tasks), std::ref(accepted), 2);
  task<> b = create_task(place(2), cancel_all, std::ref(tasks), std::ref(accepted), 2);
  co_await gather(a, b);
  static_cast<void>(co_await wait(tasks));
  for (std::size_t i = 0; i < tasks.size(); ++i) CHECK(tasks[i].cancelling() == accepted[i]);
  CHECK(seen.wrong == 0);
}

RUNTIME_TEST("XLOOP-017: every task accepted before the group shut down is cancelled or done", "[flow][task_group]") {
  tally seen;
  std::atomic<int> accepted{0};
  std::atomic<int> refused{0};
  const auto stuck = [](tally& t) -> coro<> {
    static_cast<void>(co_await outcome(forever()));
    ++t.ended;
  };
  const auto spawner = [](task_group& group, tally& t, std::atomic<int>& yes, std::atomic<int>& no,
                          decltype(stuck) child) -> coro<> {
    try {
      for (int i = 0; i < 50; ++i) {
        group.create_task(child, std::ref(t));
        ++yes;
        co_await sleep(0ns);
      }
    } catch (const error&) {
      ++no;
    }
  };
  const auto body = [&](task_group& group) -> coro<> {
    for (int i = 0; i < 6; ++i) {
      group.create_task(place(i), spawner, std::ref(group), std::ref(seen), std::ref(accepted), std::ref(refused),
                        stuck);
    }
    group.create_task(place(3), fail_after, 10, "bad");
    co_await forever();
  };
  const std::string how = co_await ending(with_task_group(body));
  CHECK(how == "[error: bad]");
  // One that is cancelled before its first step never runs.
  CHECK(seen.ended <= accepted);
  CHECK(refused <= 6);
}

RUNTIME_TEST("XLOOP-017: others add tasks while the group ends", "[flow][task_group]") {
  tally seen;
  std::atomic<int> accepted{0};
  const auto leaf = [](tally& t) -> coro<> {
    ++t.ended;
    co_return;
  };
  for (int round = 0; round < 5; ++round) {
    const auto group = std::make_shared<task_group>();
    const auto adder = [](std::shared_ptr<task_group> g, tally& t, std::atomic<int>& yes,
                          decltype(leaf) child) -> coro<> {
      for (int i = 0; i < 30; ++i) {
        try {
          g->create_task(child, std::ref(t));
          ++yes;
        } catch (const error&) {  // not entered yet, or finished
        }
        co_await sleep(0ns);
      }
    };
    const auto scope = [](std::shared_ptr<task_group> g) -> coro<> {
      const auto body = []() -> coro<> { co_await settle(5); };
      co_await with(*g, body);
    };
    std::vector<task<>> all;
    all.push_back(create_task(place(round), scope, group));
    for (int i = 0; i < 3; ++i) {
      all.push_back(create_task(place(i), adder, group, std::ref(seen), std::ref(accepted), leaf));
    }
    co_await gather(all);
    CHECK(seen.ended == accepted);
  }
}

RUNTIME_TEST("XLOOP-015: scopes in the coroutines of a gather, and gathers in scopes", "[flow][timeout][task_group]") {
  tally seen;
  const auto limited = [](tally& t, int n) -> coro<> {
    const auto all = []() -> coro<> { co_await gather(forever(), forever(), forever()); };
    co_await counted(t, with_timeout(std::chrono::microseconds(n * 7), all));
  };
  const auto grouped = [](tally& t, int n) -> coro<> {
    const auto body = [](task_group& group, int turns_first) -> coro<> {
      group.create_task(fail_after, turns_first, "bad");
      co_await gather(forever(), forever());
    };
    co_await counted(t, with_task_group(body, n));
  };
  for (int i = 0; i < rounds; ++i) {
    co_await gather(limited(seen, i), grouped(seen, i % 4), limited(seen, i % 3), grouped(seen, 0));
  }
  CHECK(seen.timeouts == 2 * rounds);
  CHECK(seen.failures == 2 * rounds);
  CHECK(seen.cancels == 0);
  CHECK(current_task().cancelling() == 0);
}

RUNTIME_TEST("WFOR-010: limits of awaits on shared primitives lose nothing", "[flow][wait_for]") {
  tally seen;
  lock l;
  const auto body = [](tally& t, lock& shared) -> coro<> {
    for (int i = 0; i < rounds; ++i) {
      bool mine = false;
      try {
        mine = co_await wait_for(shared.acquire(), std::chrono::microseconds(1 + i % 9));
      } catch (const timeout_error&) {
        ++t.timeouts;
      }
      if (!mine) continue;
      co_await sleep(0ns);
      shared.release();
    }
  };
  std::vector<task<>> tasks;
  for (int i = 0; i < crowd; ++i) tasks.push_back(create_task(place(i), body, std::ref(seen), std::ref(l)));
  co_await gather(tasks);
  CHECK_FALSE(l.locked());
  co_await l.acquire();
  l.release();
}
