// SPDX-License-Identifier: BSL-1.0
// The call graph: where tasks stand and who waits for them, through every way of waiting.
#include "loop_test.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using gyre::coro;
using gyre::future_call_graph;
using gyre::task;
using namespace gyre_test;

namespace {

// `inner<outer` of its stack, plain functions with a `()`, then in braces who awaits it, sorted.
std::string shape(const future_call_graph& graph) {
  std::string out;
  for (const auto& frame : graph.call_stack) {
    if (!out.empty()) out += '<';
    out += frame.name();
    if (!frame.is_coroutine()) out += "()";
  }
  if (graph.running) out += "running";
  if (graph.cut) out += "cut";
  std::vector<std::string> waiting;
  for (const auto& each : graph.awaited_by) waiting.push_back(shape(each));
  std::sort(waiting.begin(), waiting.end());
  out += '{';
  for (const auto& each : waiting) out += (out.back() == '{' ? "" : ", ") + each;
  out += '}';
  return out;
}

std::string own_shape() { return shape(gyre::capture_call_graph(gyre::call_graph_options{.depth = 2}).value()); }

coro<> deep(std::string& seen, int turns = 1) {
  for (int i = 0; i < turns; ++i) co_await gyre::sleep(0ns);
  seen = own_shape();
}
coro<> middle(std::string& seen) {
  co_await gyre::sleep(0ns);
  co_await deep(seen);
}
coro<> idle() { co_await gyre::sleep(0ns); }

coro<> by_await(std::string& seen) {
  const auto t = gyre::create_task(middle(seen));
  co_await t;
}
coro<> by_gather(std::string& seen) { co_await gyre::gather(middle(seen), idle()); }
coro<> by_gather_of_tasks(std::string& seen) {
  const auto t = gyre::create_task(middle(seen));
  const auto other = gyre::create_task(idle());
  co_await gyre::gather(t, other);
}
coro<> by_gather_of_gathers(std::string& seen) {
  const auto t = gyre::create_task(middle(seen));
  auto inner = gyre::gather(t);
  auto started = gyre::ensure_future(inner);
  co_await gyre::gather(started);
}
coro<> by_shield(std::string& seen) { co_await gyre::shield(middle(seen)); }
coro<> by_wait(std::string& seen) {
  std::vector<task<>> both;
  both.push_back(gyre::create_task(middle(seen)));
  both.push_back(gyre::create_task(idle()));
  co_await gyre::wait(both);
}
coro<> by_as_completed(std::string& seen) {
  std::vector<task<>> both;
  both.push_back(gyre::create_task(middle(seen)));
  both.push_back(gyre::create_task(idle()));
  auto ends = gyre::as_completed(both);
  while (auto t = co_await ends.next()) co_await *t;
}
coro<> group_body(gyre::task_group& group, std::string& seen) {
  group.create_task(middle(seen));
  co_return;
}
coro<> by_task_group(std::string& seen) { co_await gyre::with_task_group(&group_body, std::ref(seen)); }
coro<> timed_body(std::string& seen) {
  const auto t = gyre::create_task(middle(seen));
  co_await t;
}
coro<> by_timeout(std::string& seen) { co_await gyre::with_timeout(10s, &timed_body, std::ref(seen)); }
coro<> by_wait_for(std::string& seen) {
  const auto t = gyre::create_task(middle(seen));
  co_await gyre::wait_for(t, 10s);
}

// Runs it as a task of its own, so that the stack ends there.
coro<std::string> seen_in(coro<> (*way)(std::string&)) {
  std::string seen;
  const auto t = gyre::create_task(way(seen));
  co_await gyre::wait_for(t, 100s);
  co_return seen;
}

bool starts_with(const std::string& text, std::string_view start) { return text.compare(0, start.size(), start) == 0; }

}  // namespace

LOOP_TEST("GRAPH-001: the running task's stack, innermost first, and the tasks that await it") {
  const std::string seen = co_await seen_in(&by_await);
  // own_shape() is skipped by depth; the waiting task is awaited by this test's wait_for().
  CHECK(starts_with(seen, "deep<middle{by_await{"));
}

LOOP_TEST("GRAPH-001: a given task that is parked, with the lines of its awaits") {
  std::string seen;
  const auto t = gyre::create_task(middle(seen), gyre::task_options{.name = "T"});
  co_await gyre::sleep(0ns);
  const auto graph = gyre::capture_call_graph(t);
  REQUIRE(graph);
  CHECK(graph->future == t);
  REQUIRE(graph->call_stack.size() == 1);
  CHECK(graph->call_stack[0].name() == "middle");
  CHECK(std::string_view(graph->call_stack[0].where().file_name()).ends_with("call_graph_test.cpp"));
  CHECK(graph->call_stack[0].where().line() > 0);
  CHECK(graph->awaited_by.empty());
  co_await t;
}

LOOP_TEST("GRAPH-001: the first entry of the running task is the line that asks") {
  const auto graph = gyre::capture_call_graph();
  const unsigned line = std::source_location::current().line() - 1;
  REQUIRE(graph);
  CHECK(graph->future == gyre::current_task());
  CHECK(graph->call_stack.at(0).where().line() == line);
  CHECK(graph->call_stack.at(0).is_coroutine());
  co_return;
}

LOOP_TEST("GRAPH-001: coroutines that have ended are not in the running task's stack") {
  static constexpr auto asks = []() -> coro<std::string> { co_return own_shape(); };
  co_await idle();
  const std::string seen = co_await asks();
  CHECK(std::count(seen.begin(), seen.end(), '<') == 1 + 1);  // <lambda> and its caller
  CHECK(seen.find("idle") == std::string::npos);
}

LOOP_TEST("GRAPH-002: gather") {
  CHECK(starts_with(co_await seen_in(&by_gather), "deep<middle{by_gather{"));
  CHECK(starts_with(co_await seen_in(&by_gather_of_tasks), "deep<middle{by_gather_of_tasks{"));
  CHECK(starts_with(co_await seen_in(&by_gather_of_gathers), "deep<middle{by_gather_of_gathers{"));
}

LOOP_TEST("GRAPH-002: shield, wait, as_completed") {
  CHECK(starts_with(co_await seen_in(&by_shield), "deep<middle{by_shield{"));
  CHECK(co_await seen_in(&by_wait) != "");
  const std::string waited = co_await seen_in(&by_wait);
  CHECK(waited.find("deep<middle{") == 0);
  CHECK(waited.find("by_wait{") != std::string::npos);
  const std::string completed = co_await seen_in(&by_as_completed);
  CHECK(completed.find("deep<middle{") == 0);
  CHECK(completed.find("by_as_completed{") != std::string::npos);
}

LOOP_TEST("GRAPH-002: task groups and timeouts") {
  const std::string grouped = co_await seen_in(&by_task_group);
  CHECK(grouped.find("deep<middle{") == 0);
  CHECK(grouped.find("by_task_group{") != std::string::npos);
  const std::string timed = co_await seen_in(&by_timeout);
  CHECK(timed.find("deep<middle{timed_body<") == 0);
  CHECK(timed.find("by_timeout{") != std::string::npos);
  const std::string limited = co_await seen_in(&by_wait_for);
  CHECK(limited.find("deep<middle{") == 0);
  CHECK(limited.find("by_wait_for{") != std::string::npos);
}

LOOP_TEST("GRAPH-002: an await that ended by a cancel or a timeout is gone from the graph") {
  const gyre::future<int> f;
  static constexpr auto waits = [](gyre::future<int> on) -> coro<> { co_await gyre::shield(on); };
  const auto cancelled = gyre::create_task(waits, f);
  co_await settle();
  CHECK(gyre::capture_call_graph(f)->awaited_by.size() == 1);
  cancelled.cancel();
  co_await settle();
  CHECK(cancelled.cancelled());
  CHECK(gyre::capture_call_graph(f)->awaited_by.empty());
  std::vector<gyre::future<int>> one{f};
  co_await gyre::wait(one, gyre::wait_options{.timeout = 1ms});
  CHECK(gyre::capture_call_graph(f)->awaited_by.empty());
  f.set_result(1);
  CHECK(gyre::capture_call_graph(f)->awaited_by.empty());
}

LOOP_TEST("GRAPH-003: several tasks that await one future all appear") {
  const gyre::future<int> f;
  static constexpr auto waits = [](gyre::future<int> on) -> coro<int> { co_return co_await on; };
  std::vector<task<int>> all;
  for (int i = 0; i < 20; ++i) all.push_back(gyre::create_task(waits, f));
  co_await settle();
  const auto graph = gyre::capture_call_graph(f);
  CHECK(graph->call_stack.empty());
  REQUIRE(graph->awaited_by.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(graph->awaited_by[i].future == all[i]);
  f.set_result(7);
  for (const auto& each : all) CHECK(co_await each == 7);
}

namespace {

coro<> third(std::vector<std::string>& out) {
  for (const int limit : {2, -2, 0, 9, -9}) {
    const gyre::call_graph_options some{.limit = limit};
    out.push_back(shape(gyre::capture_call_graph(some).value()));
  }
  const gyre::call_graph_options deeper{.depth = 2};
  out.push_back(shape(gyre::capture_call_graph(deeper).value()));
  const gyre::call_graph_options below{.depth = 50};
  out.push_back(shape(gyre::capture_call_graph(below).value()));
  co_return;
}
coro<> second(std::vector<std::string>& out) { co_await third(out); }
coro<> first(std::vector<std::string>& out) { co_await second(out); }

coro<> sleeper_c() { co_await gyre::sleep(1s); }
coro<> sleeper_b() { co_await sleeper_c(); }
coro<> sleeper_a() { co_await sleeper_b(); }

}  // namespace

LOOP_TEST("GRAPH-004: limit keeps the entries nearest the caller, or the farthest; depth skips some") {
  std::vector<std::string> out;
  const auto t = gyre::create_task(first(out));
  co_await t;
  REQUIRE(out.size() == 7);
  const auto stack = [&](std::size_t i) { return out[i].substr(0, out[i].find('{')); };
  CHECK(stack(0) == "third<second");
  CHECK(stack(1) == "second<first");
  CHECK(stack(2) == "");
  CHECK(stack(3) == "third<second<first");
  CHECK(stack(4) == "third<second<first");
  CHECK(stack(5) == "second<first");
  CHECK(stack(6) == "");
  for (const std::string& each : out) CHECK(each.find('{') + 1 < each.find('}'));  // who awaits it is always there
}

LOOP_TEST("GRAPH-004: limit of a parked task") {
  const auto t = gyre::create_task(sleeper_a());
  co_await gyre::sleep(0ns);
  const auto with = [&](int limit) {
    const gyre::call_graph_options some{.limit = limit};
    return shape(gyre::capture_call_graph(t, some).value());
  };
  CHECK(with(9) == "sleeper_c<sleeper_b<sleeper_a{}");
  CHECK(with(1) == "sleeper_c{}");
  CHECK(with(-1) == "sleeper_a{}");
  CHECK(with(0) == "{}");
  co_await t;
}

LOOP_TEST("GRAPH-005: nothing in a plain callback") {
  const gyre::future<bool> none;
  gyre::get_running_loop().call_soon(
      [none] { none.set_result(!gyre::capture_call_graph().has_value() && gyre::format_call_graph().empty()); });
  CHECK(co_await none);
}

TEST_CASE("GRAPH-005: without a loop and a future it is an error, with a future it is not") {
  CHECK_THROWS_AS(gyre::capture_call_graph(), gyre::no_running_loop);
  const auto loop = gyre::new_event_loop();
  const auto f = loop->create_future<int>();
  const auto graph = gyre::capture_call_graph(f);
  REQUIRE(graph);
  CHECK(graph->call_stack.empty());
  CHECK(graph->awaited_by.empty());
  CHECK(starts_with(gyre::format_call_graph(f), "* Future(id=0x"));
  loop->close();
}

LOOP_TEST("GRAPH-005: a task that has not started, and one that has ended") {
  auto t = gyre::create_task(sleeper_a());
  CHECK(shape(*gyre::capture_call_graph(t)) == "sleeper_a{}");
  co_await t;
  CHECK(shape(*gyre::capture_call_graph(t)) == "{}");
}

namespace {

coro<std::string> formats() {
  co_await gyre::sleep(0ns);
  co_return gyre::format_call_graph();
}
coro<std::string> awaits_named(task<std::string> t) { co_return co_await t; }

}  // namespace

LOOP_TEST("GRAPH-006: the text names tasks, frames and who awaits") {
  const auto inner = gyre::create_task(formats(), gyre::task_options{.name = "inner"});
  const auto outer = gyre::create_task(awaits_named(inner), gyre::task_options{.name = "outer"});
  const std::string text = co_await outer;
  INFO(text);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  REQUIRE(lines.size() >= 7);
  CHECK(starts_with(lines[0], "* Task(name='inner', id=0x"));
  CHECK(lines[1] == "  + Call stack:");
  CHECK(starts_with(lines[2], "  |   File '"));
  CHECK(lines[2].ends_with(", in async formats()"));
  CHECK(lines[3] == "  + Awaited by:");
  CHECK(starts_with(lines[4], "    * Task(name='outer', id=0x"));
  CHECK(lines[5] == "      + Call stack:");
  CHECK(lines[6].ends_with(", in async awaits_named()"));
  co_return;
}

LOOP_TEST("GRAPH-006: print_call_graph writes it to a stream") {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
  REQUIRE(file != nullptr);
  const auto t = gyre::create_task(sleeper_a());
  co_await gyre::sleep(0ns);
  gyre::print_call_graph(t, gyre::call_graph_options(), file.get());
  std::string text(static_cast<std::size_t>(std::ftell(file.get())), '\0');
  std::rewind(file.get());
  REQUIRE(std::fread(text.data(), 1, text.size(), file.get()) == text.size());
  CHECK(text == gyre::format_call_graph(t) + '\n');
  co_await t;
}

LOOP_TEST("GRAPH-003: awaiters that a framework names itself") {
  const gyre::future<int> f;
  const auto t = gyre::create_task(sleeper_a());
  gyre::future_add_to_awaited_by(f, t);
  co_await gyre::sleep(0ns);
  CHECK(shape(*gyre::capture_call_graph(f)) == "{sleeper_c<sleeper_b<sleeper_a{}}");
  CHECK(gyre::to_string(f) == "<Future pending>");
  gyre::future_discard_from_awaited_by(f, t);
  CHECK(shape(*gyre::capture_call_graph(f)) == "{}");
  gyre::future_add_to_awaited_by(f, t);
  f.set_result(1);
  CHECK(shape(*gyre::capture_call_graph(f)) == "{}");
  co_await t;
}

LOOP_TEST("GRAPH-003: a cycle of awaits is cut where it closes") {
  static constexpr auto waits = [](gyre::future<task<>> on) -> coro<> {
    const task<> other = co_await on;
    co_await gyre::wait_for(other, 1h);  // a circle without a limit in it is an error
  };
  const gyre::future<task<>> to_a;
  const gyre::future<task<>> to_b;
  const auto a = gyre::create_task(waits, to_b);
  const auto b = gyre::create_task(waits, to_a);
  to_a.set_result(a);
  to_b.set_result(b);
  co_await settle();
  CHECK(shape(*gyre::capture_call_graph(a)) == "run_limited<<lambda>{run_limited<<lambda>{cut{}}}");
  CHECK(gyre::format_call_graph(a).find(" ...") != std::string::npos);
  a.cancel();
  co_await settle();
  CHECK(a.cancelled());
  CHECK(b.cancelled());
}

// --- fork-joins and other loops --------------------------------------------------------------------------------------
namespace {

coro<> leaf(std::string& seen) {
  co_await gyre::sleep(0ns);
  seen = own_shape();
}
coro<> branch(std::string& seen) { co_await gyre::gather(leaf(seen), idle()); }
coro<> forks(std::string& seen) { co_await gyre::gather(branch(seen), idle()); }

// Captures whatever it is given, again and again, until `done`.
coro<> looks(std::vector<task<>> at, gyre::event& done, std::atomic<int>& stacks) {
  while (!done.is_set()) {
    for (const auto& each : at) {
      const auto graph = gyre::capture_call_graph(each);
      if (!graph->call_stack.empty()) stacks.fetch_add(1);
      static_cast<void>(graph->awaited_by.size());
    }
    co_await gyre::sleep(1us);
  }
}
coro<> waits_for(gyre::event& e) { co_await e.wait(); }
coro<> grows(int depth) {
  co_await gyre::sleep(1us);
  if (depth == 0) co_return;
  co_await gyre::gather(grows(depth - 1), grows(depth - 1));
}
coro<> sometimes_fails(int depth) {
  co_await gyre::sleep(1us);
  if (depth == 0) throw gyre::value_error("leaf");
  bool failed = false;
  try {
    co_await gyre::gather(grows(2), sometimes_fails(depth - 1), grows(1));
  } catch (const gyre::value_error&) {
    failed = true;
  }
  co_await gyre::sleep(1us);
  if (failed && depth % 2 == 0) throw gyre::value_error("branch");
}

}  // namespace

RUNTIME_TEST("GRAPH-001: children of a fork-join are awaited by their parents") {
  std::string seen;
  co_await forks(seen);
  INFO(seen);
  CHECK(starts_with(seen, "leaf{branch{forks<"));
}

RUNTIME_TEST("GRAPH-009: graphs of tasks that fork, fail and run elsewhere are consistent") {
  gyre::event done;
  std::atomic<int> stacks{0};
  std::vector<task<>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(gyre::create_task(grows(3)));
    all.push_back(gyre::create_task(sometimes_fails(3)));
    all.push_back(gyre::create_task(gyre::wait_for(sometimes_fails(1), 1ms)));
  }
  std::vector<task<>> watched = all;
  watched.push_back(gyre::create_task(waits_for(done)));
  const auto watcher = gyre::create_task(looks(watched, done, stacks));
  for (const auto& each : all) static_cast<void>(co_await outcome(each));
  while (stacks.load() == 0) co_await gyre::sleep(1us);  // one of them is parked for sure
  done.set();
  co_await gyre::gather(watcher, watched.back());
}

namespace {

coro<> spins(std::atomic<bool>& begun, std::atomic<bool>& end) {
  begun.store(true);
  while (!end.load()) {
  }
  co_return;
}

coro<> looks_at_a_running_task() {
  std::atomic<bool> begun{false};
  std::atomic<bool> end{false};
  const gyre::task_options there{.pin = true, .loop = &gyre::current_runtime().loop(1)};
  const auto t = gyre::create_task(there, &spins, std::ref(begun), std::ref(end));
  while (!begun.load()) co_await gyre::sleep(0ns);
  const auto graph = gyre::capture_call_graph(t);
  const std::string text = gyre::format_call_graph(t);
  end.store(true);
  CHECK(graph->running);
  CHECK(graph->call_stack.empty());
  CHECK(text.ends_with(") running"));
  co_await t;
}

}  // namespace

TEST_CASE("GRAPH-009: a task that runs on another loop is marked, its stack is left alone") {
  gyre::run(looks_at_a_running_task(), gyre::run_options().loops(2));
}

LOOP_TEST("GRAPH-001: who awaits a task by several ways is shown once") {
  static constexpr auto waits_twice = [](task<> t) -> coro<> {
    co_await gyre::gather(gyre::shield(t), gyre::shield(t));
  };
  gyre::event until;
  const auto t = gyre::create_task([](gyre::event& e) -> coro<> { co_await e.wait(); }, std::ref(until));
  const auto twice = gyre::create_task(waits_twice, t);
  co_await settle();
  const auto graph = gyre::capture_call_graph(t);
  REQUIRE(graph);
  CHECK(graph->awaited_by.size() == 1);
  until.set();
  co_await twice;
}
