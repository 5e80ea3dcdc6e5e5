// SPDX-License-Identifier: BSL-1.0
// How coroutines end: one whose parameters have no destructors runs off its end by itself, any other is destroyed. What user
// code in results, locals and parameters does and sees then; in simulation and for real, on 1, 2 and 8 loops.
#include "loop_test.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

void run_everywhere(coro<> (*body)()) {
  for (const int loops : {1, 2, 8}) {
    const run_options forks = run_options().loops(loops).order(run_order::fork_join);
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      INFO(loops << " loops, simulation from seed " << seed);
      testing::simulate(seed, forks, body());
      testing::simulate(seed, testing::sim_options().loops(loops).order(run_order::fork_join).extremes(true), body());
    }
    INFO(loops << " loops, for real");
    for (int i = 0; i < 20; ++i) run(body(), forks);
  }
}

#define END_TEST_(body, name)                                             \
  static coro<> body();                                                   \
  TEST_CASE(name, "[runtime][fork_join][ends]") { run_everywhere(body); } \
  static coro<> body()
#define END_TEST(name) END_TEST_(INTERNAL_CATCH_UNIQUE_NAME(end_test_), name)

/// Counts those of its kind that live.
template <class Tag>
class counted {
 public:
  counted() noexcept { ++alive; }
  counted(const counted&) noexcept { ++alive; }
  counted(counted&&) noexcept { ++alive; }
  counted& operator=(const counted&) noexcept = default;
  ~counted() { --alive; }

  static inline std::atomic<int> alive{0};
};
using local = counted<struct local_tag>;
using parameter = counted<struct parameter_tag>;

coro<int> give(int value) { co_return value; }
coro<int> give_later(int value, int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return value;
}

/// Lets the others run until nothing of that kind lives.
template <class Kind>
coro<> await_end_of() {
  while (Kind::alive.load() != 0) co_await sleep(0ns);
}

coro<int> with_locals(int value, int turns) {
  const local a;
  const auto b = std::make_unique<local>();
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  const local c;
  if (value < 0) throw std::runtime_error("failed");
  co_return value;
}

coro<int> with_parameters(int value, parameter p, int turns) {
  const parameter copy = p;
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  if (value < 0) throw std::runtime_error("failed");
  co_return value;
}

// --- what runs inside the end of a child ---------------------------------------------------------------------------------

std::atomic<int> nested_begun{0};
std::atomic<int> nested_sum{0};
std::atomic<int> strangers{0};  // code that did not find itself in its own task

coro<> fork_inside() {
  const any_task me = current_task();
  const auto [a, b] = co_await gather(give(1), give_later(1, 1));
  if (!(current_task() == me)) ++strangers;
  nested_sum += a + b;
}

/// Begins a task on the spot, which forks.
void run_something() {
  const any_task me = current_task();
  task_options at_once;
  at_once.eager_start = true;
  ++nested_begun;
  create_task(at_once, fork_inside);
  if (!(current_task() == me)) ++strangers;
}

/// A value that does so whenever it is moved, and at its end.
class busy {
 public:
  explicit busy(int value) noexcept : value_(value) { ++alive; }
  busy(busy&& other) noexcept : value_(std::exchange(other.value_, 0)) {
    ++alive;
    run_something();
  }
  busy& operator=(busy&&) = delete;
  ~busy() {
    run_something();
    --alive;
  }
  [[nodiscard]] int value() const noexcept { return value_; }

  static inline std::atomic<int> alive{0};

 private:
  int value_;
};

coro<busy> give_busy(int value, int turns) {
  const any_task me = current_task();
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  if (!(current_task() == me)) ++strangers;
  co_return busy(value);
}

coro<int> tree_of_busy(int depth) {
  if (depth == 0) co_return 1;
  const any_task me = current_task();
  const auto [a, b] = co_await gather(give_busy(depth, depth % 2), tree_of_busy(depth - 1));
  if (!(current_task() == me)) ++strangers;
  co_return a.value() + b;
}

coro<int> take_busy(busy given, int turns) {
  const any_task me = current_task();
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  if (!(current_task() == me)) ++strangers;
  co_return given.value();
}

/// Until all that was begun inside has ended.
coro<> await_nested() {
  co_await await_end_of<busy>();
  while (nested_sum.load() != 2 * nested_begun.load()) co_await sleep(0ns);
}

}  // namespace

END_TEST("fork-join: results whose moves and ends begin tasks that fork") {
  nested_begun = nested_sum = strangers = 0;
  const int sum = co_await tree_of_busy(6);
  CHECK(sum == 22);
  {
    const task<busy> own = create_task(give_busy(4, 1));
    co_await wait(own);
    CHECK(own.result().value() == 4);
  }
  co_await await_nested();
  CHECK(nested_begun > 0);
  CHECK(strangers == 0);
}

namespace {

/// A value that looks at its end whose code runs there: its own task is gone, and a handle of it would be one of nothing.
class witness {
 public:
  witness() noexcept { ++alive; }
  witness(witness&& other) noexcept : original_(std::exchange(other.original_, false)) { ++alive; }
  witness& operator=(witness&&) = delete;
  ~witness() {
    if (const any_task me = current_task(); original_ && me && me.done()) ++in_a_dead_task;
    --alive;
  }

  static inline std::atomic<int> alive{0};
  static inline std::atomic<int> in_a_dead_task{0};

 private:
  bool original_ = true;
};

coro<witness> give_witness(int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  co_return witness();
}

}  // namespace

END_TEST("task: it does not run any more at the end of a result that nobody takes") {
  witness::in_a_dead_task = 0;
  for (const bool eager : {false, true}) {
    task_options options;
    options.eager_start = eager;
    create_task(give_witness(1), options);
    create_task(give_witness(0), options);
  }
  co_await await_end_of<witness>();
  CHECK(witness::in_a_dead_task == 0);
}

END_TEST("fork-join: no child runs any more at the end of results whose gather has failed") {
  witness::in_a_dead_task = 0;
  for (const int turns : {0, 2}) {
    const std::string how = co_await outcome(gather(give_witness(0), with_locals(-1, turns), give_witness(5)));
    CHECK(how == "error: failed");
    std::vector<coro<witness>> bodies;
    for (int i = 0; i < 4; ++i) bodies.push_back(give_witness(i));
    static_cast<void>(co_await outcome(gather(gather(std::move(bodies)), with_locals(-1, turns))));
  }
  co_await await_end_of<witness>();
  CHECK(witness::in_a_dead_task == 0);
}

END_TEST("fork-join: parameters whose moves and ends begin tasks that fork") {
  nested_begun = nested_sum = strangers = 0;
  for (const int turns : {0, 1}) {
    const auto [a, b, c] = co_await gather(take_busy(busy(1), turns), give(2), take_busy(busy(3), 0));
    CHECK(a + b + c == 6);
  }
  co_await await_nested();
  CHECK(strangers == 0);
}

namespace {

coro<busy> fail_busily(int turns) {
  const local kept;
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  throw std::runtime_error("failed");
}

}  // namespace

END_TEST("fork-join: results of siblings of a failed child that end long after the gather") {
  nested_begun = nested_sum = strangers = 0;
  for (const int turns : {0, 2}) {
    const std::string how = co_await outcome(gather(give_busy(1, 0), fail_busily(turns), give_busy(2, 5)));
    CHECK(how == "error: failed");
  }
  co_await await_end_of<local>();
  co_await await_nested();
  CHECK(strangers == 0);
}

// --- locals and parameters -----------------------------------------------------------------------------------------------

END_TEST("fork-join: nothing of the children's frames is left when their gather goes on") {
  for (const int turns : {0, 1}) {
    const auto [a, b, c, d] =
        co_await gather(with_locals(1, turns), with_locals(2, 0), with_parameters(3, parameter(), turns),
                        with_parameters(4, parameter(), 0));
    CHECK(local::alive == 0);
    CHECK(parameter::alive == 0);
    CHECK(a + b + c + d == 10);
    const auto [e, f, g] = co_await gather(return_exceptions, with_locals(-1, turns), with_locals(5, 0),
                                           with_parameters(-1, parameter(), turns));
    CHECK(local::alive == 0);
    CHECK(parameter::alive == 0);
    CHECK(in_words(e.exception()) == "error: failed");
    CHECK(f.value() == 5);
    CHECK(in_words(g.exception()) == "error: failed");
  }
}

END_TEST("fork-join: a child that throws, its locals and its siblings") {
  for (const int turns : {0, 1}) {
    const std::string how = co_await outcome(gather(with_locals(1, 3), with_locals(-1, turns), with_locals(2, 0)));
    CHECK(how == "error: failed");
    co_await await_end_of<local>();
  }
}

END_TEST("fork-join: a vector of children that throw, suspend and give") {
  std::vector<coro<int>> bodies;
  for (int i = 0; i < 40; ++i) bodies.push_back(with_locals(i % 5 == 0 ? -1 : i, i % 3));
  const auto all = co_await gather(return_exceptions, std::move(bodies));
  CHECK(local::alive == 0);
  int sum = 0;
  for (const auto& each : all) sum += each.has_value() ? each.value() : 0;
  CHECK(sum == 780 - 140);
}

// --- kinds of functions --------------------------------------------------------------------------------------------------

namespace {

coro<> add_to(int& sum, const int& more, int turns) {
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  sum += more;
}

struct adder {
  int base = 0;
  local kept{};

  coro<int> plus(int more) const {
    const local inside;
    co_return base + more;
  }
  coro<int> plus_later(int more) {
    co_await sleep(0ns);
    base += more;
    co_return base;
  }
  static coro<int> twice(int value) { co_return 2 * value; }
  coro<int> operator()(int more) const { co_return base - more; }
};

}  // namespace

END_TEST("fork-join: children whose parameters are references") {
  int a = 0;
  int b = 0;
  const int one = 1;
  const int two = 2;
  co_await gather(add_to(a, one, 0), add_to(b, two, 1));
  co_await gather(add_to(a, two, 1), add_to(b, one, 0));
  CHECK(a == 3);
  CHECK(b == 3);
}

END_TEST("fork-join: children that are members, lambdas and callable objects") {
  {
    adder first{10};
    adder second{20};
    adder third{20};  // its own: a child may run beside the second one
    const auto [a, b, c, d] = co_await gather(first.plus(1), second.plus_later(2), adder::twice(3), third(4));
    CHECK(a == 11);
    CHECK(b == 22);
    CHECK(c == 6);
    CHECK(d == 16);
    const auto plain = [](int value) -> coro<int> {
      const local inside;
      co_return value;
    };
    int seen = 0;
    const auto capturing = [&seen](int value) -> coro<int> {
      co_await sleep(0ns);
      seen = value;
      co_return value;
    };
    const auto [e, f] = co_await gather(plain(5), capturing(6));
    CHECK(e + f == 11);
    CHECK(seen == 6);
  }
  CHECK(local::alive == 0);
}

// --- ends by cancellation ------------------------------------------------------------------------------------------------

namespace {

coro<int> wait_with_locals(std::atomic<int>& begun) {
  const local kept;
  event never;
  ++begun;
  co_await never.wait();
  co_return 1;
}

coro<int> cancel_itself(int turns) {
  const local kept;
  for (int i = 0; i < turns; ++i) co_await sleep(0ns);
  current_task().cancel("self");
  co_return 1;
}

coro<int> swallow(std::atomic<int>& begun) {
  const local kept;
  try {
    event never;
    ++begun;
    co_await never.wait();
  } catch (const cancelled_error&) {
  }
  co_return 2;
}

coro<std::string> outcome_of_waits(std::atomic<int>& begun, bool swallows) {
  if (swallows) co_return co_await outcome(gather(swallow(begun), swallow(begun)));
  co_return co_await outcome(gather(wait_with_locals(begun), wait_with_locals(begun)));
}

}  // namespace

END_TEST("fork-join: children that end by a cancel") {
  for (const bool swallows : {false, true}) {
    std::atomic<int> begun{0};
    const task<std::string> t = create_task(outcome_of_waits(begun, swallows));
    while (begun.load() < 2) co_await sleep(0ns);
    t.cancel("stop");
    const std::string how = co_await t;
    CHECK(how.starts_with("cancelled"));
    co_await await_end_of<local>();
  }
  for (const int turns : {0, 1}) {
    const auto [a, b] = co_await gather(return_exceptions, cancel_itself(turns), with_locals(3, 0));
    CHECK(local::alive == 0);
    CHECK(in_words(a.exception()) == "cancelled: self");
    CHECK(b.value() == 3);
  }
}

// --- who looks at a child as it ends --------------------------------------------------------------------------------------

namespace {

/// Its text is asked for when a child has ended that somebody has a handle of.
struct curious {
  curious() {}  // NOLINT: not an aggregate, see CONTRIBUTING on g++ 12
  void append_text(std::string& out) const { out += current_task() ? to_string(current_task()).substr(0, 5) : "none"; }
};

coro<curious> end_with_handle(any_task& handle) {
  handle = current_task();
  co_return curious();
}

}  // namespace

END_TEST("fork-join: the text of a child's result may ask for the child") {
  any_task first;
  any_task second;
  co_await gather(end_with_handle(first), end_with_handle(second));
  for (const any_task& each : {first, second}) {
    while (!each.done()) co_await sleep(0ns);
    CHECK(to_string(each).find("result=<Task") != std::string::npos);
  }
}

// --- tasks ---------------------------------------------------------------------------------------------------------------

namespace {

coro<int> forget(task<int>*& own, int value) {
  const local kept;
  delete std::exchange(own, nullptr);  // the last handle
  co_return value;
}

}  // namespace

END_TEST("task: one that runs off its end, with no handle left, eager or not") {
  for (const bool eager : {false, true}) {
    task<int>* own = nullptr;
    task_options options;
    options.eager_start = eager;
    options.pin = true;  // it does not begin before this function waits
    auto* made = new task<int>(create_task(forget(own, 1), options));
    if (eager) {
      delete made;
    } else {
      own = made;
    }
    while (own != nullptr) co_await sleep(0ns);
    co_await await_end_of<local>();
  }
}

END_TEST("task: arguments that it was given outlive its locals") {
  std::vector<int> left;
  const auto body = [](const parameter& given, std::vector<int>& seen) -> coro<> {
    struct at_end {
      ~at_end() { out.push_back(parameter::alive); }
      std::vector<int>& out;
    };
    static_cast<void>(given);
    const at_end last{seen};
    co_await sleep(0ns);
  };
  task_options here;
  here.pin = true;
  const task<> t = create_task(here, body, parameter(), std::ref(left));
  co_await t;
  CHECK(left == std::vector<int>{1});
  CHECK(parameter::alive == 0);
}
