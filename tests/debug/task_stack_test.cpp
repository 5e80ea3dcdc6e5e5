// SPDX-License-Identifier: BSL-1.0
// Where a task stands, where its error came from, where a future was made.
#include "loop_test.hpp"

#include <cstdio>

using gyre::coro;
using namespace gyre_test;

namespace {

coro<> sleeper_c() { co_await gyre::sleep(1s); }
coro<> sleeper_b() { co_await sleeper_c(); }
coro<> sleeper_a() { co_await sleeper_b(); }

bool starts_with(const std::string& text, std::string_view start) { return text.compare(0, start.size(), start) == 0; }

}  // namespace

LOOP_TEST("TASK-044: get_stack gives where a task is suspended, the oldest entry first") {
  const auto t = gyre::create_task(sleeper_a());
  co_await gyre::sleep(0ns);
  const auto names = [&](std::optional<std::size_t> limit) {
    std::string out;
    for (const auto& each : t.get_stack(limit)) out += std::string(out.empty() ? "" : " ") + std::string(each.name());
    return out;
  };
  CHECK(names(std::nullopt) == "sleeper_a sleeper_b sleeper_c");
  CHECK(names(1) == "sleeper_c");
  CHECK(names(0) == "");
  co_await t;
  CHECK(t.get_stack().empty());
}

namespace {

coro<> fails_below() {
  co_await gyre::sleep(0ns);
  throw gyre::value_error("no");
}
coro<> fails() { co_await fails_below(); }

}  // namespace

LOOP_TEST("TASK-044: of a task that failed, the way of its error") {
  const auto t = gyre::create_task(fails());
  CHECK(co_await outcome(t) == "error: no");
  const auto way = t.get_stack();
  REQUIRE(way.size() == 2);
  CHECK(way[0].name() == "fails");
  CHECK(way[1].name() == "fails_below");
  CHECK(t.get_stack(1).at(0).name() == "fails");
}

LOOP_TEST("TASK-044: the running task's own stack ends at the caller's line; print_stack writes it") {
  const auto own = gyre::current_task().get_stack();
  const unsigned line = std::source_location::current().line() - 1;
  REQUIRE(!own.empty());
  CHECK(own.back().where().line() == line);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
  const auto t = gyre::create_task(sleeper_a());
  t.print_stack(std::nullopt, file.get());
  co_await t;
  t.print_stack(std::nullopt, file.get());
  std::string text(static_cast<std::size_t>(std::ftell(file.get())), '\0');
  std::rewind(file.get());
  REQUIRE(std::fread(text.data(), 1, text.size(), file.get()) == text.size());
  CHECK(starts_with(text, "Stack for <Task pending name='"));
  CHECK(text.find(" (most recent call last):\n  File '") != std::string::npos);
  CHECK(text.find("\nNo stack for <Task finished name='") != std::string::npos);
}

LOOP_TEST("FUT-027: in debug mode the text and the report tell where a future was made") {
  auto& loop = gyre::get_running_loop();
  CHECK(gyre::to_string(gyre::future<int>()) == "<Future pending>");
  loop.set_debug(true);
  const auto f = loop.create_future<int>();
  const unsigned line = std::source_location::current().line() - 1;
  const std::string place = "task_stack_test.cpp:" + std::to_string(line);
  CHECK(gyre::to_string(f).ends_with(place + ">"));
  CHECK(gyre::to_string(f).find("<Future pending created at ") == 0);
  const gyre::future<int> g;
  CHECK(gyre::to_string(g).find("task_stack_test.cpp:" + std::to_string(line + 5)) != std::string::npos);
  {
    report_catcher caught;
    {
      auto lost = loop.create_future<int>();
      lost.set_exception(gyre::value_error("lost"));
    }
    REQUIRE(caught.reports.size() == 1);
    CHECK(caught.reports[0].details.find("\n  created at ") != std::string::npos);
    CHECK(caught.reports[0].details.find("task_stack_test.cpp:" + std::to_string(line + 10)) != std::string::npos);
  }
  loop.set_debug(false);
  co_return;
}
