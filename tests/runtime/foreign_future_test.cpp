// SPDX-License-Identifier: BSL-1.0
// Who waits for futures of another runtime, of a loop that is gone, or of none: one rule for all calls.
#include "loop_test.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

coro<> await_it(future<int> f) { static_cast<void>(co_await f); }
coro<> wait_it(future<int> f) { static_cast<void>(co_await wait(f)); }
coro<> wait_for_it(future<int> f) { static_cast<void>(co_await wait_for(f, 1h)); }
coro<> wait_for_it_not_at_all(future<int> f) { static_cast<void>(co_await wait_for(f, 0s)); }
coro<> gather_it(future<int> f) { static_cast<void>(co_await gather(f)); }
coro<> gather_them(future<int> f) {
  std::vector<future<int>> all{std::move(f)};
  static_cast<void>(co_await gather(std::move(all)));
}
coro<> shield_it(future<int> f) { static_cast<void>(co_await shield(f)); }
coro<> complete_it(future<int> f) {
  std::vector<future<int>> all{std::move(f)};
  auto ends = as_completed(all);
  static_cast<void>(co_await ends.next());
}

/// What waits for a future, and its name in errors.
struct waiting_call {
  const char* name;
  coro<> (*wait)(future<int>);
};
constexpr waiting_call calls[] = {{"co_await", &await_it},    {"wait", &wait_it},
                                  {"wait_for", &wait_for_it}, {"wait_for", &wait_for_it_not_at_all},
                                  {"gather", &gather_it},     {"gather", &gather_them},
                                  {"shield", &shield_it},     {"as_completed", &complete_it}};

/// How the call ends in a task of that name.
coro<std::string> end_of(const waiting_call& call, future<int> f) {
  task_options options;
  options.name = "asker";
  const task<> asker = create_task(call.wait(std::move(f)), options);
  co_return co_await outcome(asker);
}

std::string refused(const waiting_call& call, const char* why) {
  return "error: " + std::string(call.name) + ": the future belongs to " + why + " (in task 'asker')";
}

/// A future that nobody's loop knows.
future<int> future_of_no_loop() {
  return future<int>(detail::core_ref<detail::future_core>(new detail::future_state<int>(nullptr)));
}

future<int> future_of_gone_loop() {
  const auto loop = new_event_loop();
  return loop->create_future<int>();
}

}  // namespace

LOOP_TEST("SAFE-013: whatever waits for a future of another runtime is refused, by call and task",
          "[runtime][foreign]") {
  const auto other = new_event_loop();
  for (const waiting_call& call : calls) {
    const future<int> foreign = other->create_future<int>();
    const std::string how = co_await end_of(call, foreign);
    CHECK(how == refused(call, "a loop of another runtime"));
    CHECK_FALSE(foreign.done());
  }
}

LOOP_TEST("SAFE-013: whatever waits for a future of a loop that is gone is refused", "[runtime][foreign]") {
  for (const waiting_call& call : calls) {
    const future<int> late = future_of_gone_loop();
    const std::string how = co_await end_of(call, late);
    CHECK(how == refused(call, "a loop that is gone"));
    CHECK_FALSE(late.done());
  }
}

LOOP_TEST("SAFE-013: whatever waits for a future of no loop is refused", "[runtime][foreign]") {
  for (const waiting_call& call : calls) {
    const future<int> homeless = future_of_no_loop();
    const std::string how = co_await end_of(call, homeless);
    CHECK(how == refused(call, "no loop"));
    CHECK_FALSE(homeless.done());
  }
}

LOOP_TEST("SAFE-013: what is done may be waited for everywhere", "[runtime][foreign]") {
  const auto other = new_event_loop();
  for (const waiting_call& call : calls) {
    for (const future<int>& foreign : {other->create_future<int>(), future_of_gone_loop(), future_of_no_loop()}) {
      foreign.set_result(1);
      const std::string how = co_await end_of(call, foreign);
      CHECK(how == "done");
    }
  }
}

TEST_CASE("SAFE-013: a shield that is made outside of loops is refused only where there is no loop",
          "[runtime][foreign]") {
  const auto loop = new_event_loop();
  const auto f = loop->create_future<int>();
  const auto shielded = shield(f);
  f.set_result(3);
  CHECK(loop->run_until_complete(shielded) == 3);
  CHECK_THROWS_AS(shield(future_of_gone_loop()), loop_closed);
}

TEST_CASE("SAFE-013: run_until_complete refuses also what is done, where nothing would stop it", "[runtime][foreign]") {
  const auto loop = new_event_loop();
  const auto other = new_event_loop();
  const future<int> foreign = other->create_future<int>();
  const future<int> late = future_of_gone_loop();
  for (int i = 0; i < 2; ++i) {
    CHECK_THROWS_WITH(loop->run_until_complete(foreign),
                      "run_until_complete: the future belongs to a loop of another runtime");
    CHECK_THROWS_WITH(loop->run_until_complete(late), "run_until_complete: the future belongs to a loop that is gone");
    if (i == 0) foreign.set_result(1);
    if (i == 0) late.set_result(1);
  }
}

TEST_CASE("XLOOP-027: futures that as_completed watched are set when the loop has gone", "[runtime][foreign]") {
  const auto main = [](std::vector<future<int>>& kept) -> coro<> {
    kept.emplace_back();
    kept.emplace_back();
    auto ends = as_completed(kept);
    const std::string how = co_await outcome(wait_for(ends.next(), 1ms));
    CHECK(how == "timeout");
  };
  for (const int loops : {1, 2}) {
    std::vector<future<int>> kept;
    run(main(kept), run_options().loops(loops));
    kept[0].set_result(1);
    CHECK(kept[1].cancel());
    CHECK(kept[0].result() == 1);
  }
}
