// SPDX-License-Identifier: BSL-1.0
// Groups in groups, errors of every kind, what create_task() takes and refuses.
#include "flow/group_test.hpp"
#include "flow/without_task.hpp"

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

/// An error outside the ordinary hierarchy that does not end the program.
class odd_error : public base_exception {
 public:
  using base_exception::base_exception;
};

coro<> fail_oddly() {
  co_await sleep(0ns);
  throw odd_error("odd");
}

template <class F>
std::string refusal(F create) {
  try {
    create();
    return "none";
  } catch (const error& e) {
    return e.what();
  }
}

coro<> note(bool& ran) {
  ran = true;
  co_return;
}

}  // namespace

LOOP_TEST("TG-014: an inner group's failure stands nested in the outer's", "[flow][task_group]") {
  const auto inner = [](task_group& group) -> coro<> {
    group.create_task(fail_after, 1, "inner");
    co_await forever();
  };
  const auto as_task = [](task_group& outer, decltype(inner) body) -> coro<> {
    outer.create_task(with_task_group(body));
    co_await forever();
  };
  const std::string task_in_group = co_await ending(with_task_group(as_task, inner));
  CHECK(task_in_group == "[[error: inner]]");
  const auto as_body = [&](task_group& outer) -> coro<> {
    outer.create_task(forever);
    co_await with_task_group(inner);
  };
  const std::string group_in_body = co_await ending(with_task_group(as_body));
  CHECK(group_in_body == "[[error: inner]]");
}

LOOP_TEST("TG-014: an outer failure cancels the inner group silently", "[flow][task_group]") {
  std::string log;
  const auto inner = [](task_group& group) -> coro<> {
    group.create_task(forever);
    co_await forever();
  };
  const auto outer = [&](task_group& group) -> coro<> {
    group.create_task(fail_after, 2, "outer");
    std::exception_ptr error;
    try {
      co_await with_task_group(inner);
    } catch (...) {
      error = std::current_exception();
    }
    log = in_words(error);
    std::rethrow_exception(error);
  };
  const std::string how = co_await ending(with_task_group(outer));
  CHECK(how == "[error: outer]");
  CHECK(log == "cancelled");
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TG-015: inner and outer fail at the same time", "[flow][task_group]") {
  std::string log;
  const auto inner = [](task_group& group) -> coro<> {
    group.create_task(fail_after, 2, "inner");
    co_await forever();
  };
  const auto outer = [&](task_group& group) -> coro<> {
    group.create_task(fail_after, 2, "outer");
    log = co_await ending(with_task_group(inner));
    log += ' ';
    log += co_await outcome(settle(1));
  };
  const std::string how = co_await ending(with_task_group(outer));
  CHECK(how == "[error: outer]");
  CHECK(log == "[error: inner] cancelled");
  CHECK(current_task().cancelling() == 0);
}

LOOP_TEST("TG-016: errors of the body that end the program leave bare", "[flow][task_group]") {
  int cancelled = 0;
  const auto child = [](int& count) -> coro<> {
    static_cast<void>(co_await outcome(forever()));
    ++count;
  };
  const auto exits = [&](task_group& group) -> coro<> {
    group.create_task(child, std::ref(cancelled));
    co_await settle(2);
    throw system_exit(3);
  };
  int code = 0;
  try {
    co_await with_task_group(exits);
  } catch (const system_exit& e) {
    code = e.code();
  }
  CHECK(code == 3);
  CHECK(cancelled == 1);
  const auto interrupts = [](task_group& group) -> coro<> {
    group.create_task(fail_when_cancelled, "clean-up");
    co_await settle(2);
    throw keyboard_interrupt();
  };
  bool interrupted = false;
  try {
    co_await with_task_group(interrupts);
  } catch (const keyboard_interrupt&) {
    interrupted = true;
  }
  CHECK(interrupted);
}

LOOP_TEST("TG-017: other errors outside the ordinary hierarchy are grouped", "[flow][task_group]") {
  const auto of_task = [](task_group& group) -> coro<> {
    group.create_task(fail_oddly);
    co_await forever();
  };
  const auto of_body = [](task_group& group) -> coro<> {
    group.create_task(forever);
    co_await fail_oddly();
  };
  std::string how;
  for (const bool in_task : {true, false}) {
    try {
      if (in_task) {
        co_await with_task_group(of_task);
      } else {
        co_await with_task_group(of_body);
      }
    } catch (const exception_group& e) {
      how += all_of(e) + (e.has_base_exceptions() ? " base; " : "; ");
    }
  }
  CHECK(how == "base exception: odd base; base exception: odd base; ");
}

LOOP_TEST("TG-018: create_task is refused before, after and while shutting down", "[flow][task_group]") {
  report_catcher reports;
  bool ran = false;
  task_group group;
  const auto add = [&] { group.create_task(note(ran)); };
  const std::string before = refusal(add);
  CHECK(before == "TaskGroup <TaskGroup> has not been entered");
  std::string during;
  const auto body = [&]() -> coro<> {
    group.create_task(fail_when_cancelled, "late");
    group.create_task(fail_after, 0, "bad");
    static_cast<void>(co_await outcome(forever()));
    during = refusal(add);
  };
  static_cast<void>(co_await ending(with(group, body)));
  CHECK(during == "TaskGroup <TaskGroup tasks=1 errors=1 cancelling> is shutting down");
  task_group second;
  co_await with(second, []() -> coro<> { co_return; });
  const std::string after = refusal([&] { second.create_task(note(ran)); });
  CHECK(after == "TaskGroup <TaskGroup entered> is finished");
  const std::string with_callable = refusal([&] { second.create_task(note, std::ref(ran)); });
  CHECK(with_callable == after);
  co_await settle(2);
  CHECK_FALSE(ran);
  CHECK(reports.reports.empty());
}

LOOP_TEST("TG-019: create_task while the scope waits, as long as a task is alive", "[flow][task_group]") {
  int ran = 0;
  const auto leaf = [](int& count) -> coro<> {
    ++count;
    co_return;
  };
  const auto spawner = [](task_group& group, int& count, decltype(leaf) child) -> coro<> {
    co_await settle(5);
    group.create_task(child, std::ref(count));
  };
  task_group group;
  const auto body = [&]() -> coro<> {
    group.create_task(spawner, std::ref(group), std::ref(ran), leaf);
    co_return;
  };
  const task<> scope = create_task(with(group, body));
  co_await settle(4);
  group.create_task(leaf, std::ref(ran));
  co_await scope;
  CHECK(ran == 2);
}

LOOP_TEST("TG-020: a group is entered once, and in a task", "[flow][task_group]") {
  task_group group;
  std::string inside;
  const auto nothing = []() -> coro<> { co_return; };
  const auto body = [&]() -> coro<> { inside = co_await outcome(with(group, nothing)); };
  co_await with(group, body);
  CHECK(inside == "error: TaskGroup <TaskGroup entered> has already been entered");
  const std::string again = co_await outcome(with(group, nothing));
  CHECK(again == inside);
  task_group other;
  std::string outside;
  get_running_loop().call_soon([&] { outside = in_words(error_without_task(other.aenter())); });
  co_await settle(2);
  CHECK(outside == "error: TaskGroup <TaskGroup> cannot determine the parent task");
}

TEST_CASE("TG-020: entering without a loop is refused", "[flow][task_group]") {
  task_group group;
  CHECK(in_words(error_without_task(group.aenter())).substr(0, 7) == "error: ");
}

LOOP_TEST("TG-021: create_task passes its options", "[flow][task_group]") {
  task<int> first;
  task<> second;
  const auto body = [&](task_group& group) -> coro<> {
    task_options options;
    options.name = "first";
    first = group.create_task(options, after(1, 1));
    options.name = "second";
    second = group.create_task(options, fail_after, 0, "bad");
    const task<int> third = group.create_task(after(1, 1), options);
    CHECK(third.get_name() == "second");
    co_return;
  };
  static_cast<void>(co_await ending(with_task_group(body)));
  CHECK(first.get_name() == "first");
  CHECK(second.get_name() == "second");
}

LOOP_TEST("TG-021: create_task passes a context", "[flow][task_group]") {
  const context_var<int> var("number");
  const context other = copy_context();
  other.run([&] { static_cast<void>(var.set(5)); });
  const auto read = [](const context_var<int>& v) -> coro<int> { co_return v.get(0); };
  task<int> inside;
  task<int> outside;
  const auto body = [&](task_group& group) -> coro<> {
    task_options options;
    options.context = &other;
    inside = group.create_task(options, read, std::cref(var));
    outside = group.create_task(read, std::cref(var));
    co_return;
  };
  co_await with_task_group(body);
  CHECK(inside.result() == 5);
  CHECK(outside.result() == 0);
}

LOOP_TEST("TG-021: tasks of a group may start eagerly", "[flow][task_group]") {
  task_options options;
  options.eager_start = true;
  std::string text;
  const auto ends = [&](task_group& group) -> coro<> {
    bool ran = false;
    const task<> t = group.create_task(options, note, std::ref(ran));
    CHECK(t.done());
    CHECK(ran);
    text = to_string(group);
    co_return;
  };
  co_await with_task_group(ends);
  CHECK(text == "<TaskGroup entered>");
  const auto fails = [&](task_group& group) -> coro<> {
    const auto fail = []() -> coro<> {
      throw std::runtime_error("bad");
      co_return;
    };
    group.create_task(options, fail);
    text = to_string(group);
    co_await sleep(0ns);
    text = "not cancelled";
  };
  const std::string how = co_await ending(with_task_group(fails));
  CHECK(how == "[error: bad]");
  CHECK(text == "<TaskGroup errors=1 cancelling>");
  CHECK(current_task().cancelling() == 0);
  co_await sleep(0ns);
}

LOOP_TEST("TG-022: cancelling the parent again neither cancels the tasks again nor ends the scope",
          "[flow][task_group]") {
  int cancels = 0;
  const auto stubborn = [](int& count) -> coro<> {
    for (int i = 0; i < 5; ++i) {
      if (co_await outcome(settle(10)) == "cancelled") ++count;
    }
  };
  const auto body = [](task_group& group, int& count, decltype(stubborn) child) -> coro<> {
    group.create_task(child, std::ref(count));
    co_return;
  };
  const task<> t = create_task(with_task_group(body, std::ref(cancels), stubborn));
  co_await settle(4);
  for (int i = 0; i < 3; ++i) {
    t.cancel();
    co_await settle(2);
    CHECK_FALSE(t.done());
  }
  const std::string how = co_await outcome(t);
  CHECK(how == "cancelled");
  CHECK(cancels == 1);
  CHECK(t.cancelling() == 3);
}

LOOP_TEST("TG-023: a task may await another; results are read after the scope", "[flow][task_group]") {
  const auto relay = [](task<int> other) -> coro<int> {
    const int value = co_await other;
    co_return value + 1;
  };
  task<int> a;
  task<int> b;
  const auto body = [&](task_group& group) -> coro<> {
    a = group.create_task(after(3, 1));
    b = group.create_task(relay, a);
    co_return;
  };
  co_await with_task_group(body);
  CHECK(a.result() == 1);
  CHECK(b.result() == 2);
}

LOOP_TEST("TG-024: the text names tasks, errors and state", "[flow][task_group]") {
  task_group group;
  CHECK(to_string(group) == "<TaskGroup>");
  std::string inside;
  const auto body = [&]() -> coro<> {
    inside = to_string(group);
    group.create_task(fail_after, 0, "bad");
    group.create_task(fail_when_cancelled, "late");
    inside += to_string(group);
    static_cast<void>(co_await outcome(forever()));
    inside += to_string(group);
  };
  static_cast<void>(co_await ending(with(group, body)));
  CHECK(inside == "<TaskGroup entered><TaskGroup tasks=2 entered><TaskGroup tasks=1 errors=1 cancelling>");
  CHECK(to_string(group) == "<TaskGroup cancelling>");
}

LOOP_TEST("TG-024: the text of a task shows that a group waits for it", "[flow][task_group]") {
  std::string text;
  const auto body = [&](task_group& group) -> coro<> {
    const task<int> t = group.create_task(after(2, 1));
    co_await settle(1);
    text = to_string(t);
  };
  co_await with_task_group(body);
  CHECK(text.find("cb=[TaskGroup._on_task_done()]") != std::string::npos);
}

LOOP_TEST("task_group: many tasks cost time in proportion", "[flow][task_group]") {
  constexpr int many = 10'000;
  int cancelled = 0;
  const auto child = [](int& count) -> coro<> {
    static_cast<void>(co_await outcome(forever()));
    ++count;
  };
  const auto body = [&](task_group& group) -> coro<> {
    for (int i = 0; i < many; ++i) group.create_task(child, std::ref(cancelled));
    group.create_task(fail_after, 2, "bad");
    co_await forever();
  };
  const std::string how = co_await ending(with_task_group(body));
  CHECK(how == "[error: bad]");
  CHECK(cancelled == many);
}

TEST_CASE("task_group: a closing loop destroys a scope and its tasks", "[flow][task_group]") {
  const auto loop = new_event_loop();
  int reports = 0;
  loop->set_exception_handler([&reports](event_loop&, const exception_context&) { ++reports; });
  task<> child;
  const auto body = [](task_group& group, task<>& made) -> coro<> {
    made = group.create_task(forever);
    co_return;
  };
  const task<> parent = loop->create_task(with_task_group(body, std::ref(child)));
  loop->run_until_complete(settle(5));
  loop->close();
  CHECK(reports == 2);
  CHECK_FALSE(parent.done());
}

TEST_CASE("task_group: one that a closing loop destroys keeps no error of its tasks", "[flow][task_group]") {
  struct with_payload : std::runtime_error {
    explicit with_payload(std::shared_ptr<int> p) : std::runtime_error("failed"), payload(std::move(p)) {}
    std::shared_ptr<int> payload;
  };
  const auto payload = std::make_shared<int>(1);
  const auto loop = new_event_loop();
  loop->set_exception_handler([](event_loop&, const exception_context&) {});
  static constexpr auto fail = [](std::shared_ptr<int> p) -> coro<> {
    co_await sleep(0ns);
    throw with_payload(std::move(p));
  };
  static constexpr auto stay = []() -> coro<> {  // the group waits for it when the other one has failed
    for (;;) {
      try {
        co_await forever();
      } catch (const cancelled_error&) {  // nothing ends it
      }
    }
  };
  const auto body = [](task_group& group, std::shared_ptr<int> p) -> coro<> {
    group.create_task(stay);
    group.create_task(fail, std::move(p));
    co_return;
  };
  loop->create_task(with_task_group(body, payload));
  loop->run_until_complete(settle(5));
  CHECK(payload.use_count() > 1);
  loop->close();
  CHECK(payload.use_count() == 1);
}

TEST_CASE("TG-016: of several errors that end the program the first task's leaves the group", "[flow][task_group]") {
  static constexpr auto exits = [](int code) -> coro<> {
    co_await sleep(0ns);
    throw system_exit(code);
  };
  static constexpr auto exits_when_cancelled = [](int code) -> coro<> {
    try {
      co_await forever();
    } catch (const cancelled_error&) {
    }
    throw system_exit(code);
  };
  static constexpr auto body = [](task_group& group) -> coro<> {
    group.create_task(exits_when_cancelled, 2);
    group.create_task(exits, 1);
    co_await exits_when_cancelled(3);
  };
  static constexpr auto main = []() -> coro<int> {
    int code = 0;
    try {
      co_await with_task_group(body);
    } catch (const system_exit& e) {
      code = e.code();
    }
    co_return code;
  };
  const auto loop = new_event_loop();
  const task<int> t = loop->create_task(main());
  for (int left = 0; left < 5 && !t.done(); ++left) {  // each of them leaves the loop, too
    try {
      loop->run_until_complete(t);
    } catch (const system_exit&) {
    }
  }
  CHECK(t.result() == 1);
  loop->close();
}
