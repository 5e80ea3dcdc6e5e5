// SPDX-License-Identifier: BSL-1.0
// What every task waits for, in words, and which of them wait for each other.
#include "loop_test.hpp"

#include <algorithm>
#include <thread>

using namespace gyre;
using namespace gyre_test;

namespace {

template <class F, class... Args>
auto named(const char* name, F fn, Args... args) {
  task_options options;
  options.name = name;
  return create_task(options, fn, args...);
}

const wait_graph_node* find(const wait_graph& graph, std::string_view name) {
  const auto at =
      std::find_if(graph.tasks.begin(), graph.tasks.end(), [&](const auto& each) { return each.name == name; });
  return at == graph.tasks.end() ? nullptr : &*at;
}

// `waits for lock 1, held by 'b'`, without the place.
std::string wait_of(const std::string& text, const std::string& name) {
  const std::size_t from = text.find('\'' + name + "' (loop ");
  if (from == std::string::npos) return "no line";
  const std::size_t begin = text.find(')', from) + 2;
  const std::size_t end = text.find('\n', begin);
  const std::string line = text.substr(begin, end - begin);
  const std::size_t place = line.rfind(", at ");
  return place == std::string::npos ? line : line.substr(0, place);
}

coro<> holds(lock& l, event& until) {
  const auto held = co_await l.scoped();
  co_await until.wait();
}
coro<> takes(lock& l) { const auto held = co_await l.scoped(); }
coro<> awaits(task<> t) { co_await t; }
coro<> awaits_future(future<> f) { co_await f; }
coro<> outer(task<> t) { co_await awaits(t); }

}  // namespace

LOOP_TEST("wait graph: a lock with its holder, an event, a task, with places", "[debug][wait_graph]") {
  track_lock_holders();
  lock l;
  event until;
  const auto holder = named("holder", holds, std::ref(l), std::ref(until));
  co_await settle();
  const auto taker = named("taker", takes, std::ref(l));
  const auto waiter = named("waiter", outer, taker);
  co_await settle();
  const wait_graph graph = capture_wait_graph(get_running_loop());
  const std::string text = format_wait_graph(graph);
  INFO(text);
  CHECK(wait_of(text, "holder") == "waits for event 1");
  CHECK(wait_of(text, "taker") == "waits for lock 1, held by 'holder'");
  CHECK(wait_of(text, "waiter") == "awaits 'taker'");
  CHECK(text.find("wait_graph_test.cpp:") != std::string::npos);
  CHECK(text.find("in awaits()\n    awaited at ") != std::string::npos);
  CHECK(text.find("0x") == std::string::npos);
  CHECK(find_deadlocks(graph).empty());
  REQUIRE(find(graph, "taker") != nullptr);
  CHECK(find(graph, "taker")->waits_for == wait_subject::lock);
  REQUIRE(find(graph, "taker")->on.size() == 1);
  CHECK(graph.tasks[find(graph, "taker")->on[0]].name == "holder");
  until.set();
  co_await waiter;
}

LOOP_TEST("wait graph: every primitive says what it is", "[debug][wait_graph]") {
  semaphore gate(0);
  condition changed;
  barrier meeting(3);
  queue<int> empty;
  queue<int> full(1);
  full.put_nowait(1);
  const future<> f;
  std::vector<task<>> all;
  static constexpr auto wait_changed = [](condition& c) -> coro<> {
    const auto held = co_await c.scoped();
    co_await c.wait();
  };
  static constexpr auto meet = [](barrier& b) -> coro<> { co_await b.wait(); };
  static constexpr auto gets = [](queue<int>& q) -> coro<> { co_await q.get(); };
  static constexpr auto puts = [](queue<int>& q) -> coro<> { co_await q.put(2); };
  static constexpr auto joins = [](queue<int>& q) -> coro<> { co_await q.join(); };
  static constexpr auto acquires = [](semaphore& s) -> coro<> { co_await s.acquire(); };
  static constexpr auto sleeps = []() -> coro<> { co_await sleep(1h); };
  static constexpr auto limited = [](future<> on) -> coro<> { co_await wait_for(on, 1h); };
  all.push_back(named("permit", acquires, std::ref(gate)));
  all.push_back(named("notified", wait_changed, std::ref(changed)));
  all.push_back(named("first", meet, std::ref(meeting)));
  all.push_back(named("second", meet, std::ref(meeting)));
  all.push_back(named("getter", gets, std::ref(empty)));
  all.push_back(named("putter", puts, std::ref(full)));
  all.push_back(named("joiner", joins, std::ref(full)));
  all.push_back(named("sleeper", sleeps));
  all.push_back(named("future", awaits_future, f));
  all.push_back(named("limited", limited, f));
  co_await settle();
  const std::string text = format_wait_graph(get_running_loop());
  INFO(text);
  CHECK(wait_of(text, "permit") == "waits for semaphore 1");
  CHECK(wait_of(text, "notified") == "waits for condition 1");
  CHECK(wait_of(text, "first") == "waits for barrier 1, where 2 of 3 wait");
  CHECK(wait_of(text, "getter") == "waits for an item of queue 1");
  CHECK(wait_of(text, "putter") == "waits for room in queue 2");
  CHECK(wait_of(text, "joiner") == "waits until all items of queue 2 are done");
  CHECK(wait_of(text, "sleeper") == "waits for a timer");
  CHECK(wait_of(text, "future") == "awaits future 1");
  CHECK(wait_of(text, "limited") == "awaits future 1, for a limited time");
  for (const auto& each : all) each.cancel();
  co_await settle();
}

LOOP_TEST("wait graph: gather, wait, a task group and shield show the tasks that are needed", "[debug][wait_graph]") {
  event until;
  static constexpr auto leaf = [](event& e) -> coro<> { co_await e.wait(); };
  static constexpr auto by_gather = [](task<> a, task<> b) -> coro<> { co_await gather(a, b); };
  static constexpr auto by_wait = [](task<> a, task<> b) -> coro<> { co_await wait(a, b); };
  static constexpr auto by_shield = [](task<> a) -> coro<> { co_await shield(a); };
  static constexpr auto by_group = [](event& e) -> coro<> {
    co_await with_task_group([&](task_group& group) -> coro<> {
      group.create_task(leaf, std::ref(e));
      co_return;
    });
  };
  const auto a = named("a", leaf, std::ref(until));
  const auto b = named("b", leaf, std::ref(until));
  std::vector<task<>> all;
  all.push_back(named("gather", by_gather, a, b));
  all.push_back(named("wait", by_wait, a, b));
  all.push_back(named("shield", by_shield, a));
  all.push_back(named("group", by_group, std::ref(until)));
  co_await settle();
  const wait_graph graph = capture_wait_graph(get_running_loop());
  const std::string text = format_wait_graph(graph);
  INFO(text);
  CHECK(wait_of(text, "gather") == "awaits 'a', 'b'");
  CHECK(wait_of(text, "wait") == "awaits 'a', 'b'");
  CHECK(wait_of(text, "shield") == "awaits 'a'");
  REQUIRE(find(graph, "group") != nullptr);
  CHECK(find(graph, "group")->waits_for == wait_subject::several);
  CHECK(find(graph, "group")->on.size() == 1);
  until.set();
  for (const auto& each : all) co_await each;
}

TEST_CASE("wait graph: a parent in a fork-join needs its children", "[debug][wait_graph]") {
  static constexpr auto child = [](event& e) -> coro<> { co_await e.wait(); };
  static constexpr auto parent = [](event& e) -> coro<> { co_await gather(child(e), child(e)); };
  const auto main = []() -> coro<> {
    event until;
    const auto forks = named("parent", parent, std::ref(until));
    co_await settle();
    const wait_graph graph = capture_wait_graph(get_running_loop());
    const wait_graph_node* node = find(graph, "parent");
    if (node == nullptr || node->waits_for != wait_subject::several || node->on.size() != 2) {
      throw error("not so: " + format_wait_graph(graph));
    }
    until.set();
    co_await forks;
  };
  testing::simulate(1, run_options().loops(2), main());
}

TEST_CASE("wait graph: who waits for a function on a thread says which one", "[debug][wait_graph]") {
  static constexpr auto offloads = [](std::atomic<bool>& end) -> coro<> {
    co_await to_thread([&end] {
      while (!end.load()) std::this_thread::yield();
    });
  };
  const auto main = []() -> coro<> {
    std::atomic<bool> end = false;
    const auto t = named("offload", offloads, std::ref(end));
    co_await settle();
    const std::string text = format_wait_graph(get_running_loop());
    end = true;
    co_await t;
    INFO(text);
    CHECK(wait_of(text, "offload").rfind("waits for a thread: to_thread(", 0) == 0);
  };
  run(main(), one_loop());
}

LOOP_TEST("wait graph: two locks that two tasks hold, each waiting for the other's, are a deadlock",
          "[debug][wait_graph]") {
  track_lock_holders();
  lock one;
  lock two;
  static constexpr auto crosses = [](lock& first, lock& second) -> coro<> {
    const auto held = co_await first.scoped();
    co_await sleep(0ns);
    const auto both = co_await second.scoped();
  };
  const auto a = named("a", crosses, std::ref(one), std::ref(two));
  const auto b = named("b", crosses, std::ref(two), std::ref(one));
  const auto c = named("c", awaits, b);
  co_await settle();
  const wait_graph graph = capture_wait_graph(get_running_loop());
  const auto found = find_deadlocks(graph);
  const std::string text = format_wait_graph(graph);
  INFO(text);
  REQUIRE(found.size() == 1);
  CHECK(found[0].circle.size() == 2);
  REQUIRE(found[0].behind.size() == 1);
  CHECK(graph.tasks[found[0].behind[0]].name == "c");
  CHECK(text.find("deadlock: 'a' -> lock 1 -> 'b' -> lock 2 -> 'a'\n    behind it: 'c'\n") != std::string::npos);
  a.cancel();
  co_await c;
  CHECK(find_deadlocks(capture_wait_graph(get_running_loop())).empty());
}

LOOP_TEST("wait graph: what can end by itself is no deadlock", "[debug][wait_graph]") {
  track_lock_holders();
  lock one;
  lock two;
  static constexpr auto in_time = [](lock& first, lock& second) -> coro<> {
    const auto held = co_await first.scoped();
    co_await sleep(0ns);
    static_cast<void>(co_await outcome(wait_for(second.acquire(), 1h)));
  };
  static constexpr auto crosses = [](lock& first, lock& second) -> coro<> {
    const auto held = co_await first.scoped();
    co_await sleep(0ns);
    const auto both = co_await second.scoped();
  };
  const auto a = named("a", in_time, std::ref(one), std::ref(two));
  const auto b = named("b", crosses, std::ref(two), std::ref(one));
  co_await settle();
  CHECK(find_deadlocks(capture_wait_graph(get_running_loop())).empty());
  a.cancel();
  co_await b;
}

LOOP_TEST("wait graph: a lock whose holder has ended, or was not noted", "[debug][wait_graph]") {
  track_lock_holders();
  lock l;
  static constexpr auto takes_for_good = [](lock& taken) -> coro<> { co_await taken.acquire(); };
  co_await create_task(takes_for_good, std::ref(l));
  const auto t = named("taker", takes, std::ref(l));
  co_await settle();
  const std::string text = format_wait_graph(get_running_loop());
  INFO(text);
  CHECK(wait_of(text, "taker") == "waits for lock 1, held by a task that has ended");
  l.release();
  co_await t;
}

RUNTIME_TEST("wait graph: it may be taken while tasks start, wait and end on all loops", "[debug][wait_graph]") {
  track_lock_holders();
  lock l;
  queue<int> q(2);
  static constexpr auto works = [](lock& shared, queue<int>& items) -> coro<> {
    for (int i = 0; i < 20; ++i) {
      const auto held = co_await shared.scoped();
      co_await items.put(i);
    }
  };
  static constexpr auto drains = [](queue<int>& items) -> coro<> {
    for (int i = 0; i < 80; ++i) co_await items.get();
  };
  std::vector<task<>> all;
  for (int i = 0; i < 4; ++i) all.push_back(create_task(works, std::ref(l), std::ref(q)));
  all.push_back(create_task(drains, std::ref(q)));
  std::size_t lines = 0;
  for (int i = 0; i < 10; ++i) {
    lines += format_wait_graph(get_running_loop()).size();
    co_await sleep(1us);
  }
  CHECK(lines > 0);
  for (const auto& each : all) co_await each;
}

TEST_CASE("wait graph: a parent that goes on after a child's error does not need the others", "[debug][wait_graph]") {
  static constexpr auto stays = [](event& e) -> coro<> { co_await e.wait(); };
  static constexpr auto fails = []() -> coro<> {
    co_await sleep(0ns);
    throw std::runtime_error("one of them");
  };
  static constexpr auto parent = [](event& e, event& later) -> coro<> {
    static_cast<void>(co_await outcome(gather(stays(e), fails())));
    co_await later.wait();
  };
  const auto main = []() -> coro<> {
    event until;
    event later;
    const auto forks = named("parent", parent, std::ref(until), std::ref(later));
    co_await settle();
    const wait_graph graph = capture_wait_graph(get_running_loop());
    const wait_graph_node* node = find(graph, "parent");
    if (graph.tasks.size() != 3 || node == nullptr || node->waits_for != wait_subject::event || !node->on.empty()) {
      throw error("not so: " + format_wait_graph(graph));
    }
    for (const wait_graph_node& each : graph.tasks) {  // nobody awaits the one that is left, either
      if (!capture_call_graph(each.task).value().awaited_by.empty()) throw error(each.name + " is awaited");
    }
    until.set();
    later.set();
    co_await forks;
  };
  const auto calm = testing::sim_options().loops(2).extremes(false);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) testing::simulate(seed, calm, main());
}
