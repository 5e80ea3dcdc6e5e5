// SPDX-License-Identifier: BSL-1.0
// What a fiber is to its task: arguments, results, errors, names, contexts, cancellation.
#include "loop_test.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

int add_slowly(int a, int b) {
  gyre::await(sleep(1ms));
  return a + b;
}

// Waits at the bottom of `depth` calls.
int descend(int depth) {
  if (depth == 0) return gyre::await(sleep(1ms, 1));
  return 1 + descend(depth - 1);
}

// The text of what `f` throws.
template <class F>
std::string thrown_by(F f) {
  try {
    f();
  } catch (...) {
    return in_words(std::current_exception());
  }
  return "nothing";
}

}  // namespace

LOOP_TEST("fiber: gives what its function returns", "[fiber]") {
  const int sum = co_await fiber(add_slowly, 3, 4);
  CHECK(sum == 7);
  const int depth = co_await fiber(descend, 100);
  CHECK(depth == 101);
}

LOOP_TEST("fiber: nothing runs before it is awaited, and then at once", "[fiber]") {
  std::string log;
  const auto note = [](std::string& out) { out += "fiber "; };
  coro<> body = fiber(note, std::ref(log));
  co_await settle(3);
  CHECK(log.empty());
  const turn_probe turn;
  co_await std::move(body);
  CHECK(log == "fiber ");
  CHECK_FALSE(turn.taken());
}

LOOP_TEST("fiber: one that is never awaited is reported by name and takes no stack", "[fiber]") {
  report_catcher catcher;
  const std::size_t before = fiber_stats().in_use;
  {
    const coro<int> unused = fiber(add_slowly, 1, 2);
    CHECK(unused.name() == "fiber");
    CHECK(fiber_stats().in_use == before);
  }
  REQUIRE(catcher.reports.size() == 1);
  CHECK(catcher.reports[0].message == "coroutine 'fiber' was never awaited");
  co_return;
}

LOOP_TEST("fiber: callable and arguments are moved in, and live as long as the body", "[fiber]") {
  auto kept = std::make_unique<std::string>("text");
  const std::weak_ptr<int> watched = [] { return std::shared_ptr<int>(); }();
  auto shared = std::make_shared<int>(5);
  const std::weak_ptr<int> alive = shared;
  const auto body = [held = shared](std::unique_ptr<std::string> text) {
    gyre::await(sleep(1ms));
    return *text + std::to_string(*held);
  };
  shared.reset();
  {
    auto copy = body;
    const std::string result = co_await fiber(std::move(copy), std::move(kept));
    CHECK(result == "text5");
  }
  CHECK(alive.use_count() == 1);  // the lambda above
}

LOOP_TEST("fiber: std::ref passes a reference, and a reference comes back", "[fiber]") {
  int number = 1;
  const auto same = [](int& n) -> int& {
    gyre::await(sleep(0ns));
    ++n;
    return n;
  };
  int& result = co_await fiber(same, std::ref(number));
  CHECK(&result == &number);
  CHECK(number == 2);
}

LOOP_TEST("fiber: a value that can only be moved comes out; members can be called", "[fiber]") {
  struct shop {
    std::unique_ptr<int> buy(int price) {
      gyre::await(sleep(0ns));
      spent += price;
      return std::make_unique<int>(price);
    }
    int spent = 0;
  };
  shop corner;
  const std::unique_ptr<int> bought = co_await fiber(&shop::buy, &corner, 3);
  CHECK(*bought == 3);
  CHECK(corner.spent == 3);
}

LOOP_TEST("fiber: an error of its function leaves the await", "[fiber]") {
  const auto fails = [](int depth) {
    gyre::await(sleep(1ms));
    if (depth > 0) throw std::runtime_error("deep");
  };
  const std::string ended = co_await outcome(fiber(fails, 1));
  CHECK(ended == "error: deep");
}

LOOP_TEST("fiber: in its task current_task(), name and context are the task's", "[fiber]") {
  static context_var<int> number("number", 1);
  number.set(5);
  const auto look = [] {
    const any_task before = current_task();
    CHECK(before.get_name() == "fibre");
    CHECK(number.get() == 5);
    number.set(6);
    gyre::await(sleep(1ms));
    CHECK(current_task() == before);
    CHECK(number.get() == 6);
  };
  task_options options{.name = "fibre"};
  co_await create_task(fiber(look), options);
  CHECK(number.get() == 5);
}

LOOP_TEST("fiber: a context that it entered is its own, also over an await", "[fiber]") {
  static context_var<int> number("number", 1);
  context other = copy_context();
  const auto inside = [] {
    number.set(7);
    gyre::await(sleep(1ms));
    return number.get();
  };
  const auto enter = [&] { return other.run(inside); };
  task<int> entered = create_task(fiber(std::ref(enter)));
  co_await settle(2);  // it waits inside
  CHECK(number.get() == 1);
  number.set(2);
  const int seen = co_await entered;
  CHECK(seen == 7);
  CHECK(number.get() == 2);
  CHECK(other.run([] { return number.get(); }) == 7);
}

LOOP_TEST("fiber: a cancel comes out of the await that waits, once", "[fiber]") {
  std::string log;
  const auto body = [&log] {
    try {
      gyre::await(sleep(1h));
    } catch (const cancelled_error& e) {
      log += e.what();
      gyre::await(sleep(1ms));  // clean-up may wait
      log += " cleaned";
      throw;
    }
  };
  task<> t = create_task(fiber(std::ref(body)));
  co_await settle(2);
  t.cancel("stop");
  const std::string ended = co_await outcome(t);
  CHECK(ended == "cancelled: stop");
  CHECK(log == "stop cleaned");
  CHECK(t.cancelled());
}

LOOP_TEST("fiber: a cancel before its first step runs nothing", "[fiber]") {
  bool ran = false;
  const auto body = [&ran] { ran = true; };
  task<> t = create_task(fiber(std::ref(body)));
  t.cancel();
  const std::string ended = co_await outcome(t);
  CHECK(ended == "cancelled");
  CHECK_FALSE(ran);
}

LOOP_TEST("fiber: a cancel while it runs comes out of its next await, and may be swallowed", "[fiber]") {
  const auto body = [] {
    current_task().cancel();
    const std::string first = thrown_by([] { gyre::await(sleep(1h)); });
    const std::string second = thrown_by([] { gyre::await(sleep(0ns)); });
    current_task().uncancel();
    return first + ", " + second;
  };
  const std::string ended = co_await fiber(body);
  CHECK(ended == "cancelled, nothing");
}

LOOP_TEST("fiber: time limits and task groups hold it", "[fiber]") {
  const auto waits = [](const char* what) {
    gyre::await(sleep(1h));
    return std::string(what);
  };
  const std::string limited = co_await outcome(wait_for(fiber(waits, "late"), 1ms));
  CHECK(limited == "timeout");

  const auto inside = [&] {
    const auto too_long = [&]() -> coro<std::string> { return fiber(waits, "late"); };
    return thrown_by([&] { gyre::await(with_timeout(1ms, too_long)); });
  };
  const std::string own_limit = co_await fiber(std::ref(inside));
  CHECK(own_limit == "timeout");

  int sum = 0;
  const auto add = [](int& total, int n) {
    gyre::await(sleep(1ms));
    total += n;
  };
  const auto group = [&] {
    gyre::await(with_task_group([&](task_group& all) -> coro<> {
      for (int i = 1; i <= 10; ++i) all.create_task(fiber(add, std::ref(sum), i));
      co_return;
    }));
  };
  co_await fiber(std::ref(group));
  CHECK(sum == 55);
}

LOOP_TEST("fiber: an unread error is reported with the awaits that it passed", "[fiber]") {
  report_catcher catcher;
  unsigned line = 0;
  {
    const auto fails = [](unsigned& at) {
      at = __LINE__ + 1;
      gyre::await(sleep(0ns));
      throw std::runtime_error("lost");
    };
    task_options options{.name = "loser"};
    const task<> t = create_task(fiber(fails, std::ref(line)), options);
    while (!t.done()) co_await sleep(1ms);
  }
  co_await settle(2);
  REQUIRE(catcher.reports.size() == 1);
  CHECK(catcher.reports[0].message == "Task exception was never retrieved");
  const std::string place = "fiber_test.cpp:" + std::to_string(line);
  CHECK(catcher.reports[0].details.find("raised in <lambda>(), after ") != std::string::npos);
  CHECK(catcher.reports[0].details.find(place) != std::string::npos);
}

LOOP_TEST("fiber: the text of its task shows the line at which it waits", "[fiber]") {
  unsigned line = 0;
  const auto waits = [&line] {
    line = __LINE__ + 1;
    gyre::await(sleep(1h));
  };
  task<> t = create_task(fiber(std::ref(waits)));
  co_await settle(2);
  const std::string text = to_string(t);
  CHECK(text.find("coro=<fiber() running at ") != std::string::npos);
  CHECK(text.find("fiber_test.cpp:" + std::to_string(line)) != std::string::npos);
  t.cancel();
  co_await outcome(t);
}

LOOP_TEST("fiber: a standard algorithm waits in its comparator", "[fiber]") {
  int comparisons = 0;
  const auto sorted = [&comparisons](std::vector<int> numbers) {
    std::sort(numbers.begin(), numbers.end(), [&](int a, int b) {
      ++comparisons;
      return gyre::await(sleep(1us, a < b));
    });
    return numbers;
  };
  const std::vector<int> given{5, 3, 9, 1, 4, 4, 8};
  const std::vector<int> result = co_await fiber(std::ref(sorted), given);
  CHECK(std::is_sorted(result.begin(), result.end()));
  CHECK(comparisons > 0);
}

LOOP_TEST("fiber: C functions with callbacks and generators may stand in between", "[fiber]") {
  const auto body = [] {
    const auto compare = [](const void* a, const void* b) -> int {
      const int x = *static_cast<const int*>(a);
      const int y = *static_cast<const int*>(b);
      if (x < 0 || y < 0) throw std::runtime_error("negative");
      return gyre::await(sleep(1us, x - y));
    };
    std::vector<int> numbers{3, 1, 2};
    std::qsort(numbers.data(), numbers.size(), sizeof(int), compare);
    CHECK(numbers == std::vector<int>{1, 2, 3});
    numbers.push_back(-1);
    const auto sort = [&] { std::qsort(numbers.data(), numbers.size(), sizeof(int), compare); };
    CHECK(thrown_by(sort) == "error: negative");

    const auto squares = [](int n) -> generator<int> {
      for (int i = 1; i <= n; ++i) co_yield gyre::await(sleep(1us, i * i));
    };
    int sum = 0;
    generator<int> all = squares(3);
    while (const auto square = all.next()) sum += *square;
    CHECK(sum == 14);
  };
  co_await fiber(body);
}

TEST_CASE("fiber: an eager fiber runs up to its first await, also inside another fiber", "[fiber]") {
  run(
      []() -> coro<> {
        std::string log;
        const auto inner = [&log] {
          log += "b";
          gyre::await(sleep(1ms));
          log += "d";
        };
        const auto outer = [&] {
          log += "a";
          task_options eager{.eager_start = true};
          const task<> t = create_task(fiber(std::ref(inner)), eager);
          log += "c";
          gyre::await(t);
          log += "e";
        };
        co_await fiber(std::ref(outer));
        CHECK(log == "abcde");
      }(),
      one_loop());
}
