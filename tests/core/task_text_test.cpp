// SPDX-License-Identifier: BSL-1.0
// What to_string() shows of tasks. Lines of definition are masked: g++ 12 gives a body's last line, others its first.
#include "loop_test.hpp"

#include <cctype>
#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

int awaiting_line = 0;

coro<int> wait_here(future<int> f) {
  awaiting_line = __LINE__ + 1;
  co_return co_await f;
}

coro<> wait_for_task(task<int> t) { static_cast<void>(co_await t); }

coro<int> give(int value) { co_return value; }

coro<std::string> give_text() { co_return "hello"; }

coro<> nothing() { co_return; }

coro<> fail() {
  throw std::runtime_error("bad");
  co_return;
}

/// `text` with FILE for this file's name and, if `mask_line`, N for the line.
std::string masked(const std::string& text, bool mask_line = true) {
  const std::string file = std::string(__FILE__) + ':';
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = text.find(file); at != std::string::npos; at = text.find(file, from)) {
    out.append(text, from, at - from);
    out += "FILE:";
    from = at + file.size();
    if (!mask_line) continue;
    out += 'N';
    while (from < text.size() && std::isdigit(static_cast<unsigned char>(text[from])) != 0) ++from;
  }
  out.append(text, from, std::string::npos);
  return out;
}

}  // namespace

LOOP_TEST("TASK-043: text of a task that has not begun", "[core][task][text]") {
  const task_options named{.name = "n"};
  const task<int> t = create_task(give(1), named);
  CHECK(masked(to_string(t)) == "<Task pending name='n' coro=<give() running at FILE:N>>");
  co_await t;
}

LOOP_TEST("TASK-043: text of a task that waits shows the line and the future", "[core][task][text]") {
  const future<int> f;
  const task_options named{.name = "n"};
  const task<int> t = create_task(wait_here(f), named);
  co_await settle(2);
  std::string expected = "<Task pending name='n' coro=<wait_here() running at FILE:";
  expected += std::to_string(awaiting_line);
  expected += "> wait_for=<Future pending cb=[task_wakeup()]>>";
  CHECK(masked(to_string(t), false) == expected);
  f.set_result(1);
  co_await t;
}

LOOP_TEST("TASK-043: text of a task that waits for a task", "[core][task][text]") {
  const future<int> f;
  const task_options inner_named{.name = "inner"};
  const task_options outer_named{.name = "outer"};
  const task<int> inner = create_task(wait_here(f), inner_named);
  const task<> outer = create_task(wait_for_task(inner), outer_named);
  co_await settle(2);
  CHECK(masked(to_string(outer)) ==
        "<Task pending name='outer' coro=<wait_for_task() running at FILE:N> wait_for=<Task pending name='inner' "
        "coro=<wait_here() running at FILE:N> wait_for=<Future pending cb=[task_wakeup()]> cb=[task_wakeup()]>>");
  f.set_result(1);
  co_await outer;
}

LOOP_TEST("TASK-043: text after cancel() says cancelling", "[core][task][text]") {
  const task_options named{.name = "n"};
  const task<int> t = create_task(give(1), named);
  t.cancel();
  CHECK(masked(to_string(t)) == "<Task cancelling name='n' coro=<give() running at FILE:N>>");
  co_await settle(2);
  CHECK(masked(to_string(t)) == "<Task cancelled name='n' coro=<give() done, defined at FILE:N>>");
}

LOOP_TEST("TASK-043: text of a finished task shows its result", "[core][task][text]") {
  const task_options named{.name = "n"};
  const task<int> number = create_task(give(7), named);
  const task<std::string> text = create_task(give_text(), named);
  const task<> none = create_task(nothing(), named);
  co_await settle(2);
  CHECK(masked(to_string(number)) == "<Task finished name='n' coro=<give() done, defined at FILE:N> result=7>");
  CHECK(masked(to_string(text)) ==
        "<Task finished name='n' coro=<give_text() done, defined at FILE:N> result='hello'>");
  CHECK(masked(to_string(none)) == "<Task finished name='n' coro=<nothing() done, defined at FILE:N> result=None>");
}

LOOP_TEST("TASK-043: text of a failed task shows its exception", "[core][task][text]") {
  const task_options named{.name = "n"};
  const task<> t = create_task(fail(), named);
  co_await settle(2);
  CHECK(masked(to_string(t)) ==
        "<Task finished name='n' coro=<fail() done, defined at FILE:N> exception=std::runtime_error('bad')>");
  CHECK(t.exception() != nullptr);
}

LOOP_TEST("TASK-043: text of the running task", "[core][task][text]") {
  const std::string text = masked(to_string(current_task()));
  CHECK(text.rfind("<Task pending name='Task-1' coro=<", 0) == 0);
  CHECK(text.find(" running at FILE:N>") != std::string::npos);
  co_return;
}

LOOP_TEST("TASK-043: a sleeping task shows that it waits for a future", "[core][task][text]") {
  const task_options named{.name = "n"};
  const auto body = []() -> coro<> { co_await sleep(1h); };
  const task<> t = create_task(named, body);
  co_await settle(2);
  CHECK(masked(to_string(t)).find("wait_for=<Future pending cb=[") != std::string::npos);
  t.cancel();
}

LOOP_TEST("FUT-025: a future that a task awaits shows task_wakeup", "[core][task][text]") {
  const future<int> f;
  const task<int> t = create_task(wait_here(f));
  co_await settle(2);
  CHECK(to_string(f) == "<Future pending cb=[task_wakeup()]>");
  f.set_result(1);
  co_await t;
}

LOOP_TEST("text: a set of tasks", "[core][task][text]") {
  CHECK(to_string(task_set()) == "set()");
  const task_options named{.name = "n"};
  const task<int> t = create_task(give(1), named);
  co_await t;
  task_set one;
  one.push_back(t);
  CHECK(masked(to_string(one)) == "{<Task finished name='n' coro=<give() done, defined at FILE:N> result=1>}");
}

LOOP_TEST("text: values read as in Python", "[core][text]") {
  const future<std::vector<std::string>> list;
  list.set_result(std::vector<std::string>{"a", "b\n"});
  CHECK(to_string(list) == "<Future finished result=['a', 'b\\n']>");
  const future<std::tuple<int, bool, double>> mixed;
  mixed.set_result(1, true, 0.5);
  CHECK(to_string(mixed) == "<Future finished result=(1, True, 0.5)>");
  const future<std::tuple<int>> one;
  one.set_result(1);
  CHECK(to_string(one) == "<Future finished result=(1,)>");
  const future<double> whole;
  whole.set_result(2.0);
  CHECK(to_string(whole) == "<Future finished result=2.0>");
  co_return;
}

LOOP_TEST("TASK-010: get_coro gives the coroutine, none after an eager finish", "[core][task]") {
  const auto body = []() -> coro<int> { co_return 1; };
  struct named {
    static coro<int> fetch() { co_return 1; }
  };
  coro<int> c = named::fetch();
  const std::string text = to_string(c);
  const task<int> t = create_task(std::move(c));
  CHECK(t.get_coro().name() == "fetch");
  CHECK(to_string(t.get_coro()) == text);
  co_await t;
  CHECK(to_string(t.get_coro()) == text);
  task_options eager{.eager_start = true};
  const task<int> finished = create_task(eager, body);
  CHECK_FALSE(finished.get_coro());
}
