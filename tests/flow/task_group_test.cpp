// SPDX-License-Identifier: BSL-1.0
#include "flow/group_test.hpp"

using namespace gyre;
using namespace gyre_test;

namespace {

/// Waits for ever; cancelled, it notes that, cleans up for some turns and goes on with the cancel.
coro<> note_cancel(std::string& log, const char* name, int turns = 0) {
  const std::string how = co_await outcome(forever());
  co_await settle(turns);
  log += name;
  if (how == "cancelled") throw cancelled_error();
}

}  // namespace

LOOP_TEST("TG-001: leaving the scope waits for all its tasks", "[flow][task_group]") {
  task<int> a;
  task<int> b;
  const auto body = [&](task_group& group) -> coro<std::string> {
    a = group.create_task(after(5, 1));
    b = group.create_task(after, 2, 2);
    co_return "value";
  };
  const std::string value = co_await with_task_group(body);
  CHECK(value == "value");
  CHECK(a.done());
  CHECK(b.done());
  CHECK(a.result() + b.result() == 3);
}

LOOP_TEST("TG-001: also for those that its tasks add meanwhile", "[flow][task_group]") {
  int ended = 0;
  const auto grow = [](auto& self, task_group& group, int& count, int depth) -> coro<> {
    co_await sleep(0ns);
    if (depth > 0) {
      group.create_task(self, std::ref(self), std::ref(group), std::ref(count), depth - 1);
      group.create_task(self, std::ref(self), std::ref(group), std::ref(count), depth - 1);
    }
    co_await settle(depth);
    ++count;
  };
  const auto body = [&](task_group& group) -> coro<> {
    group.create_task(grow, std::ref(grow), std::ref(group), std::ref(ended), 4);
    co_return;
  };
  co_await with_task_group(body);
  CHECK(ended == 31);
}

LOOP_TEST("TG-002: a finished task leaves the group at once", "[flow][task_group]") {
  std::string text;
  const auto body = [&](task_group& group) -> coro<> {
    group.create_task(after(0, 1));
    group.create_task(after(5, 1));
    text = to_string(group);
    co_await settle(3);
    text += to_string(group);
    co_await settle(9);
    text += to_string(group);
  };
  co_await with_task_group(body);
  CHECK(text == "<TaskGroup tasks=2 entered><TaskGroup tasks=1 entered><TaskGroup entered>");
}

LOOP_TEST("TG-003: a failure cancels the other tasks and the body and refuses new ones", "[flow][task_group]") {
  std::string log;
  const auto body = [&](task_group& group) -> coro<> {
    group.create_task(note_cancel, std::ref(log), "sibling ", 0);
    group.create_task(fail_after, 1, "bad");
    log += co_await outcome(forever()) + " body ";
    bool ran = false;
    const auto late = [](bool& noted) -> coro<> {
      noted = true;
      co_return;
    };
    try {
      group.create_task(late(ran));
    } catch (const error& e) {
      log += e.what();
    }
    co_await settle(2);
    if (ran) log += " ran";
  };
  const std::string how = co_await ending(with_task_group(body));
  CHECK(how == "[error: bad]");
  CHECK(log.substr(0, 23) == "sibling cancelled body ");
  CHECK(log.find("is shutting down") != std::string::npos);
  CHECK(log.find("ran") == std::string::npos);
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TG-004: all errors of tasks are raised together, cancellations are not", "[flow][task_group]") {
  std::string log;
  const auto body = [&](task_group& group) -> coro<> {
    group.create_task(fail_when_cancelled, "one");
    group.create_task(note_cancel, std::ref(log), "x", 0);
    group.create_task(fail_when_cancelled, "two");
    group.create_task(fail_after, 2, "first");
    co_return;
  };
  std::string what;
  try {
    co_await with_task_group(body);
  } catch (const exception_group& e) {
    what = e.what();
    CHECK(all_of(e) == "error: first, error: one, error: two");
    CHECK_FALSE(e.has_base_exceptions());
  }
  CHECK(what == "unhandled errors in a TaskGroup (3 sub-exceptions)");
}

LOOP_TEST("TG-005: a single error comes in a group as well", "[flow][task_group]") {
  const auto body = [](task_group& group) -> coro<> {
    group.create_task(fail_after, 0, "alone");
    co_return;
  };
  const std::string how = co_await ending(with_task_group(body));
  CHECK(how == "[error: alone]");
}

LOOP_TEST("TG-006: a task that is cancelled, or cancels itself, is no error", "[flow][task_group]") {
  const auto cancel_self = []() -> coro<> {
    current_task().cancel();
    co_await sleep(0ns);
  };
  task<int> last;
  const auto body = [&](task_group& group) -> coro<> {
    const task<> other = group.create_task(forever);
    group.create_task(cancel_self);
    co_await settle(2);
    other.cancel();
    co_await settle(2);
    last = group.create_task(after(3, 8));
  };
  const std::string how = co_await ending(with_task_group(body));
  CHECK(how == "no error");
  CHECK(last.result() == 8);
}

LOOP_TEST("TG-007: an error of the body cancels the tasks and is raised with theirs", "[flow][task_group]") {
  std::string log;
  const auto body = [&](task_group& group) -> coro<> {
    group.create_task(fail_when_cancelled, "task");
    group.create_task(note_cancel, std::ref(log), "cancelled ", 2);
    co_await settle(2);
    throw std::runtime_error("body");
  };
  const std::string how = co_await ending(with_task_group(body));
  CHECK(how == "[error: task, error: body]");
  CHECK(log == "cancelled ");
}

LOOP_TEST("TG-008: the body fails while it is cancelled for a task's error", "[flow][task_group]") {
  const auto body = [](task_group& group) -> coro<> {
    group.create_task(fail_after, 1, "task");
    co_await fail_when_cancelled("body");
  };
  const std::string how = co_await ending(with_task_group(body));
  CHECK(how == "[error: task, error: body]");
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TG-009: cancelling the parent in the body cancels the tasks and waits for them", "[flow][task_group]") {
  std::string log;
  const auto scope = [](std::string& noted) -> coro<> {
    const auto body = [&](task_group& group) -> coro<> {
      group.create_task(note_cancel, std::ref(noted), "a ", 3);
      group.create_task(note_cancel, std::ref(noted), "b ", 0);
      co_await forever();
    };
    co_await with_task_group(body);
  };
  const task<> t = create_task(scope(log));
  co_await settle(3);
  t.cancel("why");
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: why");
  CHECK(log == "b a ");
  CHECK(t.cancelling() == 1);
}

LOOP_TEST("TG-009: cancelling the parent while it waits for the tasks", "[flow][task_group]") {
  std::string log;
  const auto body = [](task_group& group, std::string& noted) -> coro<> {
    group.create_task(note_cancel, std::ref(noted), "a ", 3);
    co_return;
  };
  const task<> t = create_task(with_task_group(body, std::ref(log)));
  co_await settle(4);
  t.cancel("later");
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled: later");
  CHECK(log == "a ");
}

LOOP_TEST("TG-009: cancelling the parent in the instant in which the last task ended", "[flow][task_group]") {
  const future<int> f;
  const auto wait_for_it = [](future<int> it) -> coro<> { static_cast<void>(co_await it); };
  const auto body = [](task_group& group, future<int> it, decltype(wait_for_it) child) -> coro<> {
    group.create_task(child, it);
    co_return;
  };
  const task<> t = create_task(with_task_group(body, f, wait_for_it));
  co_await settle(4);
  f.set_result(1);
  co_await settle(2);  // the task has ended, its parent is ready
  REQUIRE_FALSE(t.done());
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
}

LOOP_TEST("TG-010: tasks fail in their clean-up: their group leaves, the cancel stays pending", "[flow][task_group]") {
  const auto scope = []() -> coro<std::string> {
    const auto body = [](task_group& group) -> coro<> {
      group.create_task(fail_when_cancelled, "clean-up");
      co_await forever();
    };
    std::string log = co_await ending(with_task_group(body));
    log += ' ';
    log += std::to_string(current_task().cancelling()) + " ";
    log += co_await outcome(settle(1));
    co_return log;
  };
  const task<std::string> t = create_task(scope());
  co_await settle(3);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "[error: clean-up] 1 cancelled");
}

LOOP_TEST("TG-010: a task that returns with that cancel pending ends cancelled", "[flow][task_group]") {
  const auto scope = []() -> coro<std::string> {
    const auto body = [](task_group& group) -> coro<> {
      group.create_task(fail_when_cancelled, "clean-up");
      co_await forever();
    };
    co_return co_await ending(with_task_group(body));
  };
  const task<std::string> t = create_task(scope());
  co_await settle(3);
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
}

LOOP_TEST("TG-011: the body turns its cancel into another error", "[flow][task_group]") {
  std::string log;
  const auto scope = [](std::string& noted) -> coro<> {
    const auto body = [&](task_group& group) -> coro<> {
      group.create_task(note_cancel, std::ref(noted), "a ", 0);
      co_await fail_when_cancelled("turned");
    };
    noted += co_await ending(with_task_group(body));
  };
  const task<> t = create_task(scope(log));
  co_await settle(3);
  t.cancel();
  static_cast<void>(co_await outcome(t));
  CHECK(log == "a [error: turned]");
}

LOOP_TEST("TG-012: cancelling() is afterwards what it was before", "[flow][task_group]") {
  const auto scope = []() -> coro<unsigned> {
    static_cast<void>(co_await outcome(forever()));
    const auto body = [](task_group& group) -> coro<> {
      group.create_task(fail_after, 1, "bad");
      co_await forever();
    };
    static_cast<void>(co_await ending(with_task_group(body)));
    co_return current_task().cancelling();
  };
  const task<unsigned> fresh = create_task([]() -> coro<unsigned> {
    const auto body = [](task_group& group) -> coro<> {
      group.create_task(fail_after, 1, "bad");
      co_await forever();
    };
    static_cast<void>(co_await ending(with_task_group(body)));
    co_await sleep(0ns);
    co_return current_task().cancelling();
  });
  const std::string none = co_await outcome(fresh);
  CHECK(none == "0");
  const task<unsigned> once = create_task(scope());
  co_await settle(2);
  once.cancel();
  static_cast<void>(co_await outcome(once));
  CHECK(once.cancelling() == 1);
}

LOOP_TEST("TG-013: failing and cancelled from outside at once", "[flow][task_group]") {
  const future<int> f;
  const auto fail = [](future<int> it) -> coro<> { static_cast<void>(co_await it); };
  const auto scope = [](future<int> it, decltype(fail) child) -> coro<std::string> {
    const auto body = [](task_group& group, future<int> awaited, decltype(fail) failing) -> coro<> {
      group.create_task(failing, awaited);
      co_await forever();
    };
    std::string log = co_await ending(with_task_group(body, it, child));
    log += ' ';
    log += std::to_string(current_task().cancelling()) + " ";
    log += co_await outcome(settle(1));
    log += ' ';
    log += std::to_string(current_task().cancelling());
    co_return log;
  };
  const task<std::string> t = create_task(scope(f, fail));
  co_await settle(3);
  f.set_exception(std::runtime_error("bad"));
  co_await settle(2);  // the task has failed and the group has cancelled its parent
  t.cancel();
  const std::string how = co_await outcome(t);
  CHECK(how == "[error: bad] 1 cancelled 1");
}
