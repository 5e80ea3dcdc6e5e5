// SPDX-License-Identifier: BSL-1.0
// All tasks at a glance: the table, the tree, and the tools that show them from outside.
#include "loop_test.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

using gyre::coro;
using gyre::task;
using namespace gyre_test;

namespace {

coro<> waits_for(gyre::event& e) { co_await e.wait(); }
coro<> awaits(task<> t) { co_await t; }
coro<> awaits_both(task<> a, task<> b) { co_await gyre::gather(a, b); }
coro<> awaits_later(gyre::future<task<>> f) {
  const task<> t = co_await f;
  co_await gyre::wait_for(t, 1h);  // a circle without a limit in it is an error
}

template <class T>
task<T> named(const char* name, coro<T> body) {
  gyre::task_options options;
  options.name = name;
  return gyre::create_task(std::move(body), options);
}

std::vector<gyre::task_row> rows_of(const char* name) {
  std::vector<gyre::task_row> found;
  for (auto& each : gyre::task_table(gyre::get_running_loop())) {
    if (each.task_name == name) found.push_back(each);
  }
  return found;
}

// What a shell command prints, and its exit status.
struct printed {
  std::string text;
  int status = -1;
};
// Unused where the tools are not built.
[[maybe_unused]] printed output_of(const std::string& command) {
  printed out;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 512> room{};
  while (const std::size_t n = std::fread(room.data(), 1, room.size(), pipe)) out.text.append(room.data(), n);
  out.status = WEXITSTATUS(::pclose(pipe));
  return out;
}

}  // namespace

LOOP_TEST("GRAPH-007: the table has a row for each task and awaiter") {
  gyre::event e;
  const auto leaf = named("leaf", waits_for(e));
  const auto one = named("one", awaits(leaf));
  const auto two = named("two", awaits(leaf));
  co_await settle();
  const auto rows = rows_of("leaf");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].coroutine_stack == "waits_for");
  CHECK(rows[0].awaiter_chain == "awaits");
  CHECK(rows[0].awaiter_name == "one");
  CHECK(rows[1].awaiter_name == "two");
  REQUIRE(rows_of("one").size() == 1);
  CHECK(rows_of("one")[0].awaiter_name == "");
  CHECK(rows_of("one")[0].task_id == rows[0].awaiter_id);
  const std::string text = gyre::format_task_table(gyre::get_running_loop());
  CHECK(text.substr(0, 14) == "loop  task id ");
  CHECK(text.find("leaf") != std::string::npos);
  e.set();
  co_await gyre::gather(one, two);
}

LOOP_TEST("GRAPH-008: the tree goes from the roots through the awaits to what is awaited") {
  gyre::event e;
  const auto a = named("a", waits_for(e));
  const auto b = named("b", waits_for(e));
  const auto root = named("root", awaits_both(a, b));
  co_await settle();
  const std::string tree = gyre::format_task_tree(gyre::get_running_loop());
  INFO(tree);
  const std::size_t at = tree.find("── (T) root\n");
  REQUIRE(at != std::string::npos);
  const std::size_t frame = tree.find("awaits_both()  ", at);
  const std::size_t first = tree.find("├── (T) a\n", frame);
  const std::size_t second = tree.find("└── (T) b\n", first);
  CHECK(frame != std::string::npos);
  CHECK(first != std::string::npos);
  CHECK(second != std::string::npos);
  CHECK(tree.find("inspect_test.cpp:") != std::string::npos);
  e.set();
  co_await root;
}

LOOP_TEST("FAULT-10, GRAPH-008: a circle is reported with its tasks, and no tree") {
  const gyre::future<task<>> to_a;
  const auto a = named("a", awaits_later(to_a));
  const auto b = named("b", awaits(a));
  to_a.set_result(b);
  co_await settle();
  const std::string text = gyre::format_task_tree(gyre::get_running_loop());
  INFO(text);
  CHECK(text.find("error: tasks await each other") == 0);
  const bool shown =
      text.find("cycle: a -> b -> a\n") != std::string::npos || text.find("cycle: b -> a -> b\n") != std::string::npos;
  CHECK(shown);
  CHECK(text.find("──") == std::string::npos);
  a.cancel();
  co_await settle();
}

RUNTIME_TEST("GRAPH-009: the table may be taken while tasks start, fork and end on all loops") {
  static constexpr auto grows = [](auto self, int depth) -> coro<> {
    co_await gyre::sleep(1us);
    if (depth > 0) co_await gyre::gather(self(self, depth - 1), self(self, depth - 1));
  };
  std::vector<task<>> all;
  for (int i = 0; i < 4; ++i) all.push_back(gyre::create_task(grows(grows, 4)));
  std::size_t rows = 0;
  for (int i = 0; i < 10; ++i) {
    rows += gyre::task_table(gyre::get_running_loop()).size();
    co_await gyre::sleep(1us);
  }
  CHECK(rows >= 10);
  for (const auto& each : all) co_await each;
}

#ifdef GYRE_TOOLS
namespace {

coro<> asked_from_outside() {
  const std::string path = "/tmp/gyre-console-test-" + std::to_string(::getpid()) + ".sock";
  const gyre::debug_console console(path);
  CHECK(console.path() == path);
  gyre::event e;
  const auto leaf = named("leaf", waits_for(e));
  const auto root = named("root", awaits(leaf));
  co_await settle();
  // The loop is stuck in these calls meanwhile: the console answers all the same.
  const printed ps = output_of(GYRE_TOOLS "/gyre-ps " + path);
  CHECK(ps.status == 0);
  CHECK(ps.text.find("leaf") != std::string::npos);
  CHECK(ps.text.find("root") != std::string::npos);
  const printed tree = output_of(GYRE_TOOLS "/gyre-pstree " + path);
  CHECK(tree.status == 0);
  CHECK(tree.text.find("(T) root\n") != std::string::npos);
  CHECK(tree.text.find("(T) leaf\n") != std::string::npos);
  const printed waits = output_of(GYRE_TOOLS "/gyre-waits " + path);
  CHECK(waits.status == 0);
  CHECK(waits.text.find("'root' (loop 0) awaits 'leaf', at ") != std::string::npos);
  CHECK_THROWS_AS(gyre::debug_console(path), std::system_error);  // it is taken
  e.set();
  co_await root;
}

}  // namespace

TEST_CASE("GRAPH-007: gyre-ps and gyre-pstree ask a process by its socket") {
  gyre::run(asked_from_outside(), one_loop());
  const std::string path = "/tmp/gyre-console-test-" + std::to_string(::getpid()) + ".sock";
  CHECK(::access(path.c_str(), F_OK) != 0);  // gone with the console
}

TEST_CASE("GRAPH-007: a process without a console, and no process at all") {
  const printed none = output_of(GYRE_TOOLS "/gyre-ps " + std::to_string(::getpid()) + " 2>&1");
  CHECK(none.status == 1);
  CHECK(none.text.find("does the process hold a gyre::debug_console?") != std::string::npos);
  CHECK(output_of(GYRE_TOOLS "/gyre-ps 2>&1").status == 2);
}
#endif
