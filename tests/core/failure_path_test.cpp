// SPDX-License-Identifier: BSL-1.0
// The way of an error through awaits: what the thread keeps of it, and for how long.
#include "loop_test.hpp"

#include <gyre/core/failure_path.hpp>

#include <memory>
#include <stdexcept>
#include <string>

using namespace gyre;
using namespace gyre_test;

namespace {

struct carries : std::runtime_error {
  explicit carries(std::shared_ptr<int> kept) : std::runtime_error("carries"), load(std::move(kept)) {}
  std::shared_ptr<int> load;
};

coro<> fail(std::shared_ptr<int> load) {
  co_await sleep(0ns);
  throw carries(std::move(load));
}

coro<> fail_inside(std::shared_ptr<int> load) { co_await fail(std::move(load)); }

// Whether an error of a task goes with the task's last handle.
coro<bool> goes(coro<> (*body)(std::shared_ptr<int>)) {
  auto load = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = load;
  {
    const task<> failing = create_task(body(std::move(load)));
    static_cast<void>(co_await wait(failing));
    static_cast<void>(failing.exception());
  }
  co_await settle();
  co_return watched.expired();
}

}  // namespace

LOOP_TEST("failure path: no thread keeps an error beyond the step that it left", "[core][errors]") {
  for (coro<> (*body)(std::shared_ptr<int>) : {&fail, &fail_inside}) {
    const bool gone = co_await goes(body);
    CHECK(gone);
  }
}

TEST_CASE("failure path: the text tells how many places are left out", "[core][errors]") {
  detail::failure_path way;
  way.passed = detail::failure_path::kept;
  std::string text;
  way.append_text(text);
  CHECK(text.find(" more") == std::string::npos);
  way.passed += 3;
  way.append_text(text);
  CHECK(text.ends_with("\n  and 3 more"));
}
