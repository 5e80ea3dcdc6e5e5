// SPDX-License-Identifier: BSL-1.0
// Tasks that can never go on: an error at the await that closes a circle of tasks; in a simulation an error with the wait
// graph when nothing can come any more.
#include "loop_test.hpp"

#include <gyre/core/task_record.hpp>

#include <atomic>
#include <utility>

using namespace gyre;
using namespace gyre_test;

namespace {

template <class F, class... Args>
auto named(const char* name, F fn, Args... args) {
  task_options options;
  options.name = name;
  return create_task(options, fn, args...);
}

coro<> awaits(task<> t) { co_await t; }
coro<> awaits_later(future<task<>> f) {
  const task<> t = co_await f;
  co_await t;
}
coro<> awaits_in_time(future<task<>> f) {
  const task<> t = co_await f;
  co_await wait_for(t, 1h);
}
coro<> awaits_shielded(future<task<>> f) {
  const task<> t = co_await f;
  co_await shield(t);
}
coro<> gathers_later(future<task<>> f) {
  const task<> t = co_await f;
  co_await gather(t);
}
coro<> gathers_with(future<task<>> f, task<> other) {
  const task<> t = co_await f;
  co_await gather(t, other);
}
coro<> collects_with(future<task<>> f, task<> other) {
  const task<> t = co_await f;
  co_await gather(return_exceptions, t, other);
}

// What a program ends with in which nothing can come any more.
std::string deadlock_of(coro<> (*main)(), int loops = 1, std::uint64_t seed = 1) {
  try {
    testing::simulate(seed, run_options().loops(loops), main());
  } catch (const would_deadlock& e) {
    return e.what();
  }
  return "it ended";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

// --- circles of tasks ------------------------------------------------------------------------------------------------
LOOP_TEST("FAULT-10: the await that closes a circle of two tasks throws, and both end", "[debug][deadlock]") {
  const future<task<>> to_a;
  const auto a = named("a", awaits_later, to_a);
  const auto b = named("b", awaits, a);
  co_await settle();
  to_a.set_result(b);
  const std::string end = co_await outcome(b);
  INFO(end);
  CHECK(end.find("error: tasks would await each other in a circle: 'a' awaits 'b'; 'b' awaits 'a' at ") == 0);
  CHECK(has(end, "deadlock_test.cpp:"));
  CHECK_THROWS_AS(a.result(), would_deadlock);
}

LOOP_TEST("FAULT-10: the same of many tasks, of which some are named", "[debug][deadlock]") {
  static constexpr int length = 30;
  const future<task<>> to_first;
  std::vector<task<>> all;
  all.push_back(named("first", awaits_later, to_first));
  for (int i = 1; i < length; ++i) all.push_back(create_task(awaits(all.back())));
  co_await settle();
  to_first.set_result(all.back());
  const std::string end = co_await outcome(all.back());
  INFO(end);
  CHECK(has(end, "'first' awaits 21 others, then 'Task-"));
  CHECK(has(end, " awaits 'first' at "));
}

LOOP_TEST("deadlock: a circle through shield and gather", "[debug][deadlock]") {
  for (coro<> (*closes)(future<task<>>) : {&awaits_shielded, &gathers_later}) {
    const future<task<>> to_a;
    const auto a = named("a", closes, to_a);
    const auto b = named("b", awaits, a);
    co_await settle();
    to_a.set_result(b);
    CHECK(has(co_await outcome(b), "'a' awaits 'b'; 'b' awaits 'a' at "));
  }
  // Closed by the other one.
  const future<task<>> to_a;
  const future<task<>> to_b;
  const auto a = named("a", gathers_later, to_a);
  const auto b = named("b", awaits_later, to_b);
  to_a.set_result(b);
  co_await settle();
  to_b.set_result(a);
  CHECK(has(co_await outcome(a), "'b' awaits 'a'; 'a' awaits 'b' at "));
}

LOOP_TEST("deadlock: a task that awaits itself by way of a shield or a gather", "[debug][deadlock]") {
  static constexpr auto by_shield = [](future<task<>> f) -> coro<> {
    const task<> me = co_await f;
    co_await shield(me);
  };
  static constexpr auto by_gather = [](future<task<>> f) -> coro<> {
    const task<> me = co_await f;
    co_await gather(me);
  };
  for (coro<> (*body)(future<task<>>) : {+by_shield, +by_gather}) {
    const future<task<>> to_itself;
    const auto t = named("t", body, to_itself);
    to_itself.set_result(t);
    CHECK(co_await outcome(shield(t)) == "error: tasks would await each other in a circle: 't' awaits itself");
  }
}

LOOP_TEST("deadlock: a gather that another child's error could end is none, one that collects errors is",
          "[debug][deadlock]") {
  event until;
  static constexpr auto fails = [](event& e) -> coro<> {
    co_await e.wait();
    throw error("end");
  };
  const auto other = create_task(fails, std::ref(until));
  const future<task<>> to_a;
  const auto a = named("a", gathers_with, to_a, other);
  const auto b = named("b", awaits, a);
  co_await settle();
  to_a.set_result(b);
  co_await settle();
  CHECK(!a.done());
  const future<task<>> to_c;
  const auto c = named("c", collects_with, to_c, other);
  const auto d = named("d", awaits, c);
  co_await settle();
  to_c.set_result(d);
  CHECK(has(co_await outcome(d), "'c' awaits 'd'; 'd' awaits 'c' at "));
  until.set();
  CHECK(co_await outcome(b) == "error: end");
}

LOOP_TEST("deadlock: a circle with a time limit in it is none, wherever the limit is", "[debug][deadlock]") {
  const future<task<>> to_a;
  const auto a = named("a", awaits_in_time, to_a);
  const auto b = named("b", awaits, a);
  co_await settle();
  to_a.set_result(b);
  co_await settle();
  CHECK(!a.done());
  const future<task<>> to_c;
  const auto c = named("c", awaits_later, to_c);
  const future<task<>> to_d;
  const auto d = named("d", awaits_in_time, to_d);
  to_d.set_result(c);
  co_await settle();
  to_c.set_result(d);
  co_await settle();
  CHECK(!c.done());
  a.cancel();
  c.cancel();
  co_await settle();
  CHECK(a.cancelled());
  CHECK(b.cancelled());
  CHECK(c.cancelled());
  CHECK(d.cancelled());
}

LOOP_TEST("deadlock: the task that got the error may go on", "[debug][deadlock]") {
  static constexpr auto survives = [](future<task<>> f, int& caught) -> coro<> {
    const task<> t = co_await f;
    try {
      co_await t;
    } catch (const would_deadlock&) {
      ++caught;
    }
    co_await sleep(0ns);
  };
  int caught = 0;
  const future<task<>> to_a;
  const auto a = create_task(survives, to_a, std::ref(caught));
  const auto b = create_task(awaits(a));
  co_await settle();
  to_a.set_result(b);
  co_await b;
  CHECK(caught == 1);
  CHECK(a.done());
}

LOOP_TEST("deadlock: a cancel that comes first is delivered, not the error", "[debug][deadlock]") {
  static constexpr auto cancelled_then_awaits = [](future<task<>> f) -> coro<> {
    const task<> t = co_await f;
    current_task().cancel("first");
    co_await t;
  };
  const future<task<>> to_a;
  const auto a = create_task(cancelled_then_awaits, to_a);
  const auto b = create_task(awaits(a));
  co_await settle();
  to_a.set_result(b);
  CHECK(co_await outcome(b) == "cancelled: first");
}

RUNTIME_TEST("deadlock: circles that tasks of several loops close at once end with an error", "[debug][deadlock]") {
  for (int round = 0; round < 20; ++round) {
    std::vector<future<task<>>> given(3);
    std::vector<task<>> all;
    for (const auto& each : given) all.push_back(create_task(awaits_later(each)));
    for (std::size_t i = 0; i < all.size(); ++i) given[i].set_result(all[(i + 1) % all.size()]);
    int errors = 0;
    for (const auto& each : all) {
      const std::string end = co_await outcome(shield(each));
      if (has(end, "would await each other in a circle")) ++errors;
    }
    CHECK(errors == 3);  // one got it, or more at once; it comes out of the others
  }
}

namespace {

/// Somebody who looks at a parked task just as another one closes a circle, and is gone at that one's second look.
struct onlooker {
  static inline detail::task_core* held = nullptr;
  static inline int looks = 0;
  static bool may_be_awaited(detail::task_core&) noexcept {
    if (++looks == 2) std::exchange(held, nullptr)->state.unlock();
    return true;
  }
};

detail::task_core& core_of(const task<>& t) { return *static_cast<detail::task_record&>(t.core("test")).core(); }

}  // namespace

LOOP_TEST("deadlock: a circle is found though somebody looks at one of its tasks just then", "[debug][deadlock]") {
  const future<task<>> to_a;
  const auto a = named("a", awaits_later, to_a);
  const auto b = named("b", awaits, a);
  co_await settle();
  detail::task_type watched = *core_of(a).type;
  watched.may_be_awaited = &onlooker::may_be_awaited;
  core_of(a).type = &watched;
  onlooker::looks = 0;
  onlooker::held = &core_of(b);
  REQUIRE(core_of(b).state.lock_if_waiting());
  to_a.set_result(b);
  co_await settle();
  if (onlooker::held != nullptr) onlooker::held->state.unlock();
  CHECK(onlooker::held == nullptr);
  CHECK(a.done());
  b.cancel();
  CHECK(has(co_await outcome(b), "'a' awaits 'b'; 'b' awaits 'a' at "));
}

LOOP_TEST("deadlock: awaiting what waits for something else costs no error", "[debug][deadlock]") {
  event until;
  static constexpr auto leaf = [](event& e) -> coro<> { co_await e.wait(); };
  std::vector<task<>> all;
  all.push_back(create_task(leaf, std::ref(until)));
  for (int i = 0; i < 300; ++i) all.push_back(create_task(awaits(all[static_cast<std::size_t>(i) / 2])));
  co_await settle();
  until.set();
  for (const auto& each : all) co_await each;
}

// --- nothing can come any more ---------------------------------------------------------------------------------------
TEST_CASE("deadlock: a simulation shows a circle of locks with holders and lines", "[debug][deadlock][simulation]") {
  static constexpr auto crosses = [](std::shared_ptr<lock> first, std::shared_ptr<lock> second) -> coro<> {
    const auto held = co_await first->scoped();
    co_await sleep(1us);
    const auto both = co_await second->scoped();
  };
  const auto main = []() -> coro<> {
    const auto one = std::make_shared<lock>();
    const auto two = std::make_shared<lock>();
    const auto a = named("a", crosses, one, two);
    const auto b = named("b", crosses, two, one);
    co_await gather(a, b);
  };
  for (const int loops : {1, 4}) {
    const std::string text = deadlock_of(main, loops);
    INFO(text);
    CHECK(text.rfind("deadlock: nothing can run", 0) == 0);
    CHECK(has(text, "awaits 'a', 'b', at "));
    CHECK(has(text, "waits for lock 1, held by 'b', at "));
    CHECK(has(text, "waits for lock 2, held by 'a', at "));
    CHECK(has(text, "deadlock_test.cpp:"));
    CHECK(has(text, "\ndeadlock: 'a' -> lock 1 -> 'b' -> lock 2 -> 'a'"));
    CHECK(text == deadlock_of(main, loops));
  }
}

TEST_CASE("deadlock: a simulation finds a circle of locks that closes only sometimes",
          "[debug][deadlock][simulation]") {
  static constexpr auto crosses = [](std::shared_ptr<lock> first, std::shared_ptr<lock> second) -> coro<> {
    const auto held = co_await first->scoped();
    co_await sleep(0ns);
    const auto both = co_await second->scoped();
  };
  const auto main = []() -> coro<> {
    const auto one = std::make_shared<lock>();
    const auto two = std::make_shared<lock>();
    const auto a = create_task(crosses, one, two);
    for (int i = 0; i < 3; ++i) co_await sleep(0ns);
    const auto b = create_task(crosses, two, one);
    co_await a;
    co_await b;
  };
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) found += deadlock_of(main, 4, seed) == "it ended" ? 0 : 1;
  CHECK(found > 0);
  CHECK(found < 100);
}

TEST_CASE("deadlock: a simulation shows what each primitive lacks", "[debug][deadlock][simulation]") {
  struct {
    coro<> (*main)();
    const char* shown;
  } const programs[] = {
      {[]() -> coro<> {
         semaphore gate(1);
         co_await gate.acquire();
         co_await gate.acquire();
       },
       "waits for semaphore 1, at "},
      {[]() -> coro<> {
         event never;
         co_await never.wait();
       },
       "waits for event 1, at "},
      {[]() -> coro<> {
         const auto three = std::make_shared<barrier>(3);
         static constexpr auto meets = [](std::shared_ptr<barrier> b) -> coro<> { co_await b->wait(); };
         const auto other = create_task(meets, three);
         co_await three->wait();
       },
       "waits for barrier 1, where 2 of 3 wait, at "},
      {[]() -> coro<> {
         queue<int> q;
         co_await q.get();
       },
       "waits for an item of queue 1, at "},
      {[]() -> coro<> {
         queue<int> q(1);
         co_await q.put(1);
         co_await q.put(2);
       },
       "waits for room in queue 1, at "},
      {[]() -> coro<> {
         const future<> nobodys;
         co_await nobodys;
       },
       "awaits future 1, at "},
  };
  for (const auto& each : programs) {
    const std::string text = deadlock_of(each.main);
    INFO(text);
    CHECK(has(text, each.shown));
    CHECK(has(text, "'Task-1' (loop 0) "));
  }
}

TEST_CASE("deadlock: two tasks that pass items to each other through full queues", "[debug][deadlock][simulation]") {
  static constexpr auto passes = [](std::shared_ptr<queue<int>> in, std::shared_ptr<queue<int>> out) -> coro<> {
    for (;;) {
      for (int i = 0; i < 3; ++i) co_await out->put(i);
      for (int i = 0; i < 3; ++i) co_await in->get();
    }
  };
  const auto main = []() -> coro<> {
    const auto there = std::make_shared<queue<int>>(2);
    const auto back = std::make_shared<queue<int>>(2);
    const auto a = named("a", passes, there, back);
    const auto b = named("b", passes, back, there);
    co_await gather(a, b);
  };
  const std::string text = deadlock_of(main);
  INFO(text);
  CHECK(has(text, "'a' (loop 0) waits for room in queue 1, at "));
  CHECK(has(text, "'b' (loop 0) waits for room in queue 2, at "));
}

LOOP_TEST("deadlock: a gather whose other child may still fail closes no circle", "[debug][deadlock]") {
  const future<int> open = get_running_loop().create_future<int>();
  const future<task<std::string>> to_first = get_running_loop().create_future<task<std::string>>();
  const auto await_first = [](future<task<std::string>> which) -> coro<int> {
    const task<std::string> first = co_await which;
    static_cast<void>(co_await first);
    co_return 1;
  };
  const auto await_both = [](future<int> other, task<int> second) -> coro<std::string> {
    co_return co_await outcome(gather(other, second));
  };
  const task<int> second = create_task(await_first, to_first);
  const task<std::string> first = create_task(await_both, open, second);
  co_await settle(3);
  to_first.set_result(first);
  co_await settle(3);
  CHECK_FALSE(first.done());
  open.set_exception(std::make_exception_ptr(std::runtime_error("ends it")));
  const std::string how = co_await first;
  co_await second;
  CHECK(how == "error: ends it");
}

LOOP_TEST("deadlock: the gather or shield that would close a circle is not reported when it fails with that error",
          "[debug][deadlock]") {
  const report_catcher caught;
  for (coro<> (*closes)(future<task<>>) : {&awaits_shielded, &gathers_later}) {
    const future<task<>> to_a;
    const auto a = named("a", closes, to_a);
    const auto b = named("b", awaits, a);
    co_await settle();
    to_a.set_result(b);
    CHECK(has(co_await outcome(b), "'a' awaits 'b'; 'b' awaits 'a' at "));
  }
  co_await settle();
  CHECK(caught.reports.empty());
}

LOOP_TEST("deadlock: a gather that names a task twice needs it once, and closes the circle", "[debug][deadlock]") {
  static constexpr auto gathers_twice = [](future<task<>> f) -> coro<> {
    const task<> t = co_await f;
    co_await gather(t, t);
  };
  const future<task<>> to_a;
  const auto a = named("a", gathers_twice, to_a);
  const auto b = named("b", awaits, a);
  co_await settle();
  to_a.set_result(b);
  CHECK(has(co_await outcome(b), "'a' awaits 'b'; 'b' awaits 'a' at "));
}
