// SPDX-License-Identifier: BSL-1.0
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

const context_var<int> level("level", 0);
const context_var<std::string> user("user");

coro<int> level_here() { co_return level.get(); }

coro<int> set_level(int n) {
  level.set(n);
  co_await sleep(0ns);
  co_return level.get();
}

// What a gather's children see and set, as they run and after they moved between loops.
coro<> tree(int depth, int seen, std::atomic<int>& wrong) {
  if (level.get() != seen) ++wrong;
  level.set(seen + 1);
  co_await sleep(0ns);
  if (level.get() != seen + 1) ++wrong;
  if (depth > 0) {
    co_await gather(tree(depth - 1, seen + 1, wrong), tree(depth - 1, seen + 1, wrong));
  }
  if (level.get() != seen + 1) ++wrong;
}

}  // namespace

LOOP_TEST("CTX-001: a task runs in a copy of its creator's context, made at creation", "[core][context]") {
  level.set(1);
  const task<int> a = create_task(set_level(5));
  const task<int> b = create_task(level_here());
  level.set(2);
  const int in_a = co_await a;
  const int in_b = co_await b;
  CHECK(in_a == 5);
  CHECK(in_b == 1);
  CHECK(level.get() == 2);
}

LOOP_TEST("CTX-001: children of a gather see the context of their parent, and keep their own changes",
          "[core][context]") {
  level.set(3);
  const auto [a, b, c] = co_await gather(level_here(), set_level(4), level_here());
  CHECK(a == 3);
  CHECK(b == 4);
  CHECK(c == 3);
  CHECK(level.get() == 3);
}

LOOP_TEST("CTX-002: a coroutine that is awaited directly shares the context of its task", "[core][context]") {
  level.set(1);
  const int inside = co_await set_level(7);
  CHECK(inside == 7);
  CHECK(level.get() == 7);
}

LOOP_TEST("CTX-003: callbacks run in the context of their registration, or in the one given", "[core][context]") {
  event_loop& loop = get_running_loop();
  std::string log;
  const auto note = [&log] { log += std::to_string(level.get()) + " "; };
  context given;
  given.run([] { level.set(9); });
  level.set(1);
  const handle soon = loop.call_soon(note);
  loop.call_soon(given, note);
  loop.call_later(1ms, note);
  loop.call_later(2ms, given, note);
  loop.call_at(loop.now() + 3ms, given, note);
  loop.call_soon_threadsafe(note);
  const future<int> f;
  f.add_done_callback([&](const future<int>&) { note(); });
  f.add_done_callback([&](const future<int>&) { note(); }, given);
  level.set(2);
  f.set_result(0);
  co_await sleep(5ms);
  CHECK(log == "1 9 1 1 9 1 9 9 ");
  CHECK(soon.get_context().get(level) == 1);
}

LOOP_TEST("CTX-003: what a callback sets stays in its context", "[core][context]") {
  event_loop& loop = get_running_loop();
  const context given;
  level.set(1);
  loop.call_soon([] { level.set(5); });
  loop.call_soon(given, [] { level.set(6); });
  co_await settle(2);
  CHECK(level.get() == 1);
  CHECK(given.get(level) == 6);
}

LOOP_TEST("CTX-004: a task made with a context runs in that context itself", "[core][context]") {
  const context shared = copy_context();
  level.set(1);
  task_options options;
  options.context = &shared;
  const task<int> t = create_task(set_level(8), options);
  co_await t;
  CHECK(shared.get(level) == 8);
  CHECK(level.get() == 1);
  CHECK(t.get_context() == shared);
  const task<int> later = create_task(level_here(), options);
  const int seen = co_await later;
  CHECK(seen == 8);
}

LOOP_TEST("TASK-010: get_context gives the context in which the task runs", "[core][context]") {
  level.set(1);
  const task<int> t = create_task(set_level(4));
  const context c = t.get_context();
  CHECK(c.get(level) == 1);
  co_await t;
  CHECK(c.get(level) == 4);
  CHECK(t.get_context() == c);
}

LOOP_TEST("CTX-005: set gives a token, and reset goes back to the value before", "[core][context]") {
  const context_var<int> plain("plain");
  auto first = plain.set(1);
  CHECK(first.old_value() == nullptr);
  auto second = plain.set(2);
  REQUIRE(second.old_value() != nullptr);
  CHECK(*second.old_value() == 1);
  plain.reset(second);
  CHECK(plain.get() == 1);
  CHECK_THROWS_AS(plain.reset(second), error);
  plain.reset(first);
  CHECK_THROWS_AS(plain.get(), lookup_error);
  co_return;
}

LOOP_TEST("CTX-005: a token is refused in another context and for another variable", "[core][context]") {
  const context_var<int> a("a");
  const context_var<int> b("b");
  auto t = a.set(1);
  CHECK_THROWS_AS(b.reset(t), value_error);
  CHECK_THROWS_AS(copy_context().run([&] { a.reset(t); }), value_error);
  const auto elsewhere = [](const context_var<int>& var, token<int>& from) -> coro<bool> {
    bool refused = false;
    try {
      var.reset(from);
    } catch (const value_error&) {
      refused = true;
    }
    co_return refused;
  };
  const bool refused = co_await create_task(elsewhere, std::cref(a), std::ref(t));
  CHECK(refused);
  a.reset(t);
  CHECK(a.get(7) == 7);
}

LOOP_TEST("CTX-006: without value and default, get is an error", "[core][context]") {
  CHECK_THROWS_AS(user.get(), lookup_error);
  CHECK(user.get("nobody") == "nobody");
  CHECK(level.get() == 0);
  user.set("somebody");
  CHECK(user.get("nobody") == "somebody");
  co_return;
}

LOOP_TEST("CTX-007: a context that is entered cannot be entered again", "[core][context]") {
  const context c;
  CHECK_THROWS_AS(c.run([&c] { c.run([] {}); }), error);
  CHECK_NOTHROW(c.run([] {}));
  CHECK_THROWS_AS(c.run([] { throw value_error("out"); }), value_error);
  CHECK_NOTHROW(c.run([] {}));
  const auto in_itself = [](const context& own) -> coro<bool> {
    bool refused = false;
    try {
      own.run([] {});
    } catch (const error&) {
      refused = true;
    }
    co_return refused;
  };
  task_options options;
  options.context = &c;
  const bool refused = co_await create_task(options, in_itself, std::cref(c));
  CHECK(refused);
}

RUNTIME_TEST("CTX-008: values survive every suspension and every change of thread", "[core][context]") {
  level.set(0);
  std::atomic<int> wrong{0};
  for (int round = 0; round < 20; ++round) {
    const int before = level.get();
    co_await tree(5, before, wrong);
    CHECK(level.get() == (round == 0 ? 1 : 2));
    level.set(1);
  }
  CHECK(wrong == 0);
}

RUNTIME_TEST("XLOOP-023: tasks on different loops may share a context", "[core][context]") {
  const context shared;
  task_options options;
  options.context = &shared;
  const auto body = [](int n) -> coro<> {
    const context_var<int> own("own " + std::to_string(n));
    for (int i = 0; i < 50; ++i) {
      level.set(i);
      own.set(i);
      if (own.get() != i) throw std::runtime_error("a value of its own was lost");
      if (i % 8 == 0) co_await sleep(0ns);
    }
  };
  std::vector<task<>> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(create_task(options, body, i));
  for (const auto& each : tasks) co_await each;
  CHECK(shared.get(level) == 49);
}

TEST_CASE("CTX-001: main runs in a copy of the thread's context", "[core][context]") {
  const context c;
  c.run([] {
    level.set(5);
    CHECK(run(level_here(), one_loop()) == 5);
    CHECK(run(set_level(6), one_loop()) == 6);
    CHECK(level.get() == 5);
  });
  CHECK(level.get() == 0);
}

TEST_CASE("context: copies are independent; sizes and values can be read", "[core][context]") {
  const context a;
  a.run([] { level.set(1); });
  const context b = a.copy();
  b.run([] {
    level.set(2);
    user.set("b");
  });
  CHECK(a.get(level) == 1);
  CHECK(b.get(level) == 2);
  CHECK(a.size() == 1);
  CHECK(b.size() == 2);
  CHECK(b.contains(user));
  CHECK_FALSE(a.contains(user));
  CHECK_FALSE(a == b);
}

TEST_CASE("context: values are destroyed with the last context that holds them", "[core][context]") {
  const auto counted = std::make_shared<int>(1);
  const context_var<std::shared_ptr<int>> var("counted");
  {
    const context a;
    a.run([&] { var.set(counted); });
    const context b = a.copy();
    a.run([&] { var.set(nullptr); });
    CHECK(counted.use_count() == 2);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("context: a thread has a context of its own", "[core][context]") {
  const context c;
  c.run([] {
    level.set(3);
    int seen = -1;
    std::thread([&seen] { seen = level.get(); }).join();
    CHECK(seen == 0);
  });
}

TEST_CASE("context: the map that a slot held lives as long as the slot", "[core][context]") {
  // A task may be reading its map while another thread asks for its context and sets a variable there.
  const context_var<std::shared_ptr<int>> var("var");
  auto value = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = value;
  {
    detail::context_slot slot;
    context().run([&] {
      static_cast<void>(var.set(std::move(value)));
      slot.copy_from(detail::current_context());
    });
    REQUIRE(!watched.expired());
    const context shared(slot.share());
    shared.run([&] { static_cast<void>(var.set(nullptr)); });
    CHECK(!watched.expired());
  }
  CHECK(watched.expired());
}

LOOP_TEST("context: an eager task leaves the one that was entered around it", "[core][context]") {
  context c = copy_context();
  int inside = 0;
  c.run([&inside] {
    level.set(5);
    const task_options eager{.eager_start = true};
    const task<int> t = create_task(set_level(7), eager);
    inside = level.get();
    t.cancel();
  });
  co_await settle();
  CHECK(inside == 5);
  CHECK(level.get() == 0);
}

TEST_CASE("XLOOP-023: of two changes of a shared context at once none is lost", "[core][context]") {
  static const context_var<int> first("first", 0);
  static const context_var<int> second("second", 0);
  const auto count = [](const context_var<int>& mine, int times) -> coro<int> {
    int lost = 0;
    for (int i = 1; i <= times; ++i) {
      mine.set(i);
      lost += mine.get() == i ? 0 : 1;
    }
    co_return lost;
  };
  const auto main = [](auto body) -> coro<int> {
    const context both = copy_context();
    task_options here;
    here.context = &both;
    here.pin = true;
    task_options there = here;
    there.loop = &current_runtime().loop(1);
    const task<int> other = create_task(there, body, std::cref(first), 20'000);
    const task<int> own = create_task(here, body, std::cref(second), 20'000);
    const int lost = co_await own;
    const int lost_there = co_await other;
    co_return lost + lost_there;
  };
  CHECK(run(main(count), run_options().loops(2)) == 0);
}
