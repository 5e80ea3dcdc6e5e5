// SPDX-License-Identifier: BSL-1.0
// The end of run(), runner and runtime, from every state.
#include "loop_test.hpp"

#include <atomic>
#include <optional>
#include <string>
#include <vector>

using namespace gyre;
using namespace gyre_test;

namespace {

// Open until its loop's shutdown; then it takes longer than anybody waits.
async_generator<int> slow_to_close() {
  std::exception_ptr closing;
  try {
    co_yield 1;
  } catch (...) {
    closing = std::current_exception();
  }
  co_await sleep(1h);
  if (closing != nullptr) std::rethrow_exception(closing);
}

coro<> swallow_every_cancel() {
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const cancelled_error&) {
    }
  }
}

}  // namespace

TEST_CASE("shutdown: one deadline for all steps, though tasks and generators both outlast it", "[runtime][shutdown]") {
  for (const int loops : {1, 4}) {
    const testing::simulation world;
    std::vector<std::string> reports;
    const auto main = [](std::vector<std::string>& log, std::optional<async_generator<int>>& kept) -> coro<> {
      get_running_loop().set_exception_handler(
          [&log](event_loop&, const exception_context& context) { log.push_back(context.message); });
      kept.emplace(slow_to_close());
      static_cast<void>(co_await kept->next());
      const task_options stubborn{.name = "stubborn", .pin = true};
      create_task(swallow_every_cancel(), stubborn);
      co_await sleep(0ns);
    };
    std::optional<async_generator<int>> open;
    run(main(reports, open), run_options().loops(loops).shutdown_timeout(1s));
    CHECK(world.elapsed() == 1s);
    REQUIRE_FALSE(reports.empty());
    CHECK(reports[0] == "task 'stubborn' did not end before the shutdown timeout");
  }
}
