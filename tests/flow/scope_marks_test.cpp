// SPDX-License-Identifier: BSL-1.0
// What waits and scopes leave behind at their ends: nothing that meets a later one.
#include "loop_test.hpp"
#include "spoil.hpp"

#include <gyre/core/task_core.hpp>

#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> forever() { co_await sleep(std::chrono::hours(10'000)); }

coro<> fail() {
  throw std::runtime_error("bad");
  co_return;
}

coro<> turn() { co_await sleep(0ns); }

coro<> pass_scopes() {
  co_await with_timeout(1h, turn);
  static_cast<void>(co_await outcome(with_timeout(1us, forever)));
  const auto good = [](task_group& group) -> coro<> {
    group.create_task(turn);
    co_return;
  };
  co_await with_task_group(good);
  const auto bad = [](task_group& group) -> coro<> {
    group.create_task(fail);
    co_await forever();
  };
  static_cast<void>(co_await outcome(with_task_group(bad)));
}

coro<> await_other(std::vector<task<>>& tasks, std::size_t i) {
  co_await turn();
  co_await tasks[i];
}

}  // namespace

LOOP_TEST("XLOOP-012: scopes that have ended leave all marks of their task free", "[flow][timeout][task_group]") {
  co_await pass_scopes();
  detail::scope_marks marks = detail::this_thread().current->scopes;
  detail::task_bits::word taken = 0;
  for (int i = 0; i < 3; ++i) taken |= marks.take();
  CHECK(taken == detail::task_bits::by_scope);
  CHECK(marks.take() == 0);
}

LOOP_TEST("deadlock: a circle is found behind time limits that have ended", "[flow][timeout]") {
  std::vector<task<>> tasks;
  const auto limited = [](std::vector<task<>>& all) -> coro<> {
    co_await pass_scopes();
    co_await all[1];
  };
  tasks.push_back(create_task(limited, std::ref(tasks)));
  tasks.push_back(create_task(await_other, std::ref(tasks), 0));
  const std::string how = co_await outcome(tasks[0]);
  CHECK(how.rfind("error: tasks would await each other in a circle", 0) == 0);
}

LOOP_TEST("wait: an end that is on its way when a wait is cancelled ends no later wait", "[flow][wait]") {
  const future<int> f;
  const auto body = [](future<int> awaited) -> coro<double> {
    try {
      static_cast<void>(co_await wait(awaited));
    } catch (const cancelled_error&) {
    }
    const double before = get_running_loop().time();
    co_await sleep(30ms);
    co_return get_running_loop().time() - before;
  };
  const task<double> t = create_task(body, f);
  co_await settle(3);
  t.cancel();
  f.set_result(1);
  const double waited = co_await t;
  CHECK(waited >= 0.02);
}

LOOP_TEST("wait: the timer of a wait that ended early goes with it", "[flow][wait]") {
  const future<int> f;
  const auto body = [](future<int> awaited) -> coro<> {
    wait_options limited{.timeout = 20ms};
    static_cast<void>(co_await wait(awaited, limited));
  };
  const task<> t = create_task(body, f);
  co_await settle(3);
  f.set_result(1);
  co_await t;
  spoil_free_memory();
  co_await sleep(40ms);
  CHECK(t.done());
}
